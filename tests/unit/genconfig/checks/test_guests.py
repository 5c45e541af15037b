"""--check's verdicts on trial guests and on images' labels, and the trial itself: what is run, and when not."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig.checks import Findings, Level, run
from condor_kvm_stage.genconfig.outcome import PASSED, failed, not_tried, unknown
from condor_kvm_stage.genconfig.probes.guest_start import GuestTrial
from condor_kvm_stage.guest_facts import GuestFacts
from condor_kvm_stage.guest_trial import Label, Report, Start
from condor_kvm_stage.installed import BUILD_DOMAIN, GUEST_FACTS
from support.fake_node import FakeNode
from support.findings import CONTAINER, Change, all_of, decided, directory, of, tried, verdict
from support.findings import asked as answered
from support.trial_node import REPORT, TrialNode

TRIAL, LABELS, FILES = "libvirt trial", "images selinux", "libvirt files"
MTU = "Cannot get interface MTU on '{}': No such device"


def starts(*found: Start) -> Change:
    return tried(guests=GuestTrial(PASSED, Report(list(found))))


def labels(*found: Label) -> Change:
    return tried(guests=GuestTrial(PASSED, Report([], list(found))))


def files(found: Start) -> Change:
    trial = GuestTrial(PASSED, Report([Start()], files=found))
    return all_of(answered(files=PASSED), tried(guests=trial))


ENFORCING, PERMISSIVE = of("environment", selinux="enforcing"), of("environment", selinux="permissive")
CONFINED = tried(facts=GuestFacts(selinux="system_u:system_r:svirt_t:s0"))
DENIED = Label("/x", "SELinux lets no guest read / (label t)", "restorecon /")
UNCLEAR = Label("/x", "the kernel does not say")


@pytest.mark.parametrize(
    ("change", "subject", "level", "words"),
    [
        (
            starts(Start("nat"), Start("bridge")),
            TRIAL,
            Level.OK,
            "disk in EXECUTE, and with each network: nat, bridge",
        ),
        (starts(Start()), TRIAL, Level.OK, "with an empty disk in EXECUTE"),
        (files(Start()), FILES, Level.OK, "can have their jobs' files"),
        (files(Start(fault="denied")), FILES, Level.WARN, "with its job's files does not start: denied"),
        (files(Start(fault="denied")), TRIAL, Level.OK, "with an empty disk in EXECUTE"),
        (files(Start(fault="late", is_known=False)), FILES, Level.WARN, "not known whether virtual machines can have"),
        (tried(guests=GuestTrial(PASSED, Report([Start()], [], "/x"))), TRIAL, Level.OK, "with an overlay of /x in"),
        (starts(Start("nat"), Start("bridge", "no br0")), TRIAL, Level.FAIL, "with the network bridge: no br0"),
        (starts(Start("nat", "late", is_known=False)), TRIAL, Level.WARN, "not known whether virtual machines start"),
        (
            starts(Start("nat", "late", is_known=False), Start("bridge", "no br0")),
            TRIAL,
            Level.FAIL,
            "would: with the network bridge: no br0",
        ),
        (
            tried(guests=GuestTrial(unknown("late"))),
            TRIAL,
            Level.WARN,
            "not known whether virtual",
        ),
        (tried(guests=GuestTrial(failed("no program"))), TRIAL, Level.FAIL, "no program"),
        (tried(guests=GuestTrial(not_tried("only root can"))), TRIAL, Level.NOT_APPLICABLE, "only root can"),
        (decided(no_vm="no KVM"), TRIAL, Level.NOT_APPLICABLE, "no VM universe"),
        (all_of(ENFORCING, labels(Label("/x"))), LABELS, Level.OK, "lets guests read /x"),
        (all_of(ENFORCING, labels(Label("/y"), DENIED)), LABELS, Level.FAIL, "(label t), and so not /x"),
        (all_of(PERMISSIVE, labels(DENIED)), LABELS, Level.WARN, "if it were enforcing"),
        (all_of(ENFORCING, labels(UNCLEAR)), LABELS, Level.WARN, "does not say"),
        (all_of(ENFORCING, CONFINED, directory(image="/y"), labels(Label("/x"))), LABELS, Level.WARN, "guests read /y"),
        (all_of(ENFORCING, CONFINED, directory(image="/y"), labels()), LABELS, Level.WARN, "not known whether SELinux"),
        (all_of(ENFORCING, CONFINED, directory(image="/y"), labels(DENIED)), LABELS, Level.FAIL, "(label t)"),
        (all_of(ENFORCING, CONFINED, directory(image="/x"), labels(Label("/x"))), LABELS, Level.OK, "guests read /x"),
        (all_of(ENFORCING, labels()), LABELS, Level.NOT_APPLICABLE, "no image"),
        (
            all_of(ENFORCING, tried(guests=GuestTrial(not_tried("only root can")))),
            LABELS,
            Level.NOT_APPLICABLE,
            "only root",
        ),
        (all_of(of("environment", selinux="disabled"), labels(DENIED)), LABELS, Level.NOT_APPLICABLE, "disabled"),
    ],
)
def test_verdict(good: Findings, change: Change, subject: str, level: Level, words: str) -> None:
    found = verdict(change(good), subject)
    assert found.level is level, found
    assert words in found.found
    assert bool(found.next_step) == (level not in (Level.OK, Level.NOT_APPLICABLE))


@pytest.mark.parametrize(
    ("start", "step"),
    [
        (Start("nat", "Requested operation is not valid: network 'default' is not active"), "net-start default; virsh"),
        (Start("nat", "Network not found: no network with matching name 'default'"), "libvirt-daemon-config-network;"),
        (Start("nat", MTU.format("virbr0")), "net-destroy default; virsh -c qemu:///system net-start default"),
        (Start("bridge", MTU.format("br0")), "correct network.bridge in"),
        (Start("nat", "Unable to open /dev/net/tun, is tun module loaded?: No such file"), "modprobe tun"),
        (Start("", "-accel kvm: Could not access KVM kernel module: Permission denied"), "see kvm device and"),
        (Start("nat", "no program virsh", is_known=False), "dnf install libvirt-client"),
        (Start("", "operation failed: Unable to find 'efi' firmware"), "dnf reinstall edk2-ovmf"),
        (Start("", "failed to set MSR 0x10a to 0x0"), "dnf upgrade qemu-kvm-core"),
        (Start("", "unsupported machine type 'pc'"), "dnf reinstall qemu-kvm-core; systemctl restart virtqemud"),
        (Start("", "cannot load AppArmor profile 'libvirt-x'"), "journalctl -k --grep=apparmor"),
        (Start("", "unable to set security context 'x' on '/y'"), "ausearch -m avc"),
        (Start("", "Could not open '/x': Permission denied"), "journalctl -k --grep='apparmor|avc'"),
        (Start("", "something else"), "see journalctl -u virtqemud"),
        (Start("", "late", is_known=False), "less busy"),
        (Start("", "closed", "chmod o+x /x"), "chmod o+x /x"),
    ],
)
def test_next_step_follows_from_libvirts_words(good: Findings, start: Start, step: str) -> None:
    assert step in verdict(starts(start)(good), TRIAL).next_step


def test_container_is_given_the_device_from_outside(good: Findings) -> None:
    found = verdict(all_of(starts(Start("nat", "Unable to open /dev/net/tun: No")), CONTAINER)(good), TRIAL)
    assert "--device /dev/net/tun" in found.next_step


@pytest.fixture
def trial_node(tmp_path: Path, policy_of_the_host: None) -> TrialNode:
    return TrialNode(tmp_path / "node", Answer(0, REPORT))


def asked(node: FakeNode) -> list[tuple[str, ...]]:
    return [command for command in node.asked if command[0] == BUILD_DOMAIN]


def test_guests_are_tried_in_execute(trial_node: TrialNode) -> None:
    found = run.gather(trial_node).trials.guests
    assert (found.query, found.report.starts) == (PASSED, [Start("nat")])
    assert asked(trial_node) == [(BUILD_DOMAIN, "--try-node", "/var/lib/condor/execute")]


def test_trial_that_was_interrupted_says_nothing_about_the_node(trial_node: TrialNode) -> None:
    trial_node.programs[BUILD_DOMAIN] = Answer(0, "\n")
    assert run.gather(trial_node).trials.guests.query.unknown


def test_trial_that_takes_too_long_says_nothing_about_the_node(trial_node: TrialNode) -> None:
    trial_node.programs[BUILD_DOMAIN] = Answer(-1, fault="build-domain did not end within 20 s")
    assert run.gather(trial_node).trials.guests.query.unknown


def test_ordinary_user_starts_no_guest(trial_node: TrialNode) -> None:
    trial_node.as_root = False
    assert not run.gather(trial_node).trials.guests.query.tried
    assert asked(trial_node) == []


def test_node_that_was_never_configured_starts_no_guest(trial_node: TrialNode) -> None:
    trial_node.path(GUEST_FACTS).unlink()
    assert not run.gather(trial_node).trials.guests.query.tried
    assert asked(trial_node) == []


def test_node_without_the_domain_builder_starts_no_guest(trial_node: TrialNode) -> None:
    trial_node.policy("[guest]\nguarded = false\n")
    assert not run.gather(trial_node).trials.guests.query.tried
    assert asked(trial_node) == []
