"""What a host can give to guests: a CPU with which QEMU starts, libvirt's capabilities, and the defaults."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig.outcome import PASSED, failed, not_tried, unknown
from condor_kvm_stage.genconfig.probes import guest_support
from condor_kvm_stage.genconfig.probes.guest_support import GuestSupport
from condor_kvm_stage.guest_facts import GuestFacts
from condor_kvm_stage.host import Host
from support.fake_host import CAPABILITIES, FakeHost, Program, add_program

VIRSH, QEMU = "/usr/bin/virsh", "/usr/libexec/qemu-kvm"
# As QEMU 10.0 says it
ABORTED = Answer(
    -1,
    "QEMU 10.0.13 monitor - type 'help' for more information\n",
    "qemu-system-x86_64: warning: host doesn't support requested feature: CPUID.01H:ECX.pni [bit 0]\n"
    "qemu-system-x86_64: error: failed to set MSR 0x10a to 0xc000069\n"
    "qemu-system-x86_64: target/i386/kvm/kvm.c:3877: kvm_buf_set_msrs: Assertion `ret == n' failed.\n",
)
MSR = "failed to set MSR 0x10a to 0xc000069"
SAID = Answer(0, CAPABILITIES)
FULL = "host-passthrough"
NO_VIRTIOFSD = failed("there is no virtiofsd")


def options(command: tuple[str, ...]) -> str:
    """The CPU that QEMU is asked for, "" for none."""
    return command[command.index("-cpu") + 1] if "-cpu" in command else ""


def starts_with(*cpus: str, otherwise: Answer = ABORTED) -> Program:
    """A QEMU that starts only with these CPUs."""
    return lambda command: Answer(0) if options(command) in cpus else otherwise


def look(
    root: Path, qemu: Program | Answer, virsh: Program | Answer = SAID, architecture: str = "x86_64"
) -> GuestSupport:
    return guest_support.probe(host_of(root, qemu, virsh, architecture))


def host_of(
    root: Path, qemu: Program | Answer, virsh: Program | Answer = SAID, architecture: str = "x86_64"
) -> FakeHost:
    (root / "proc/sys/kernel").mkdir(parents=True, exist_ok=True)
    (root / "proc/sys/kernel/arch").write_text(f"{architecture}\n")
    return FakeHost(root, programs={VIRSH: virsh, QEMU: qemu})


@pytest.mark.parametrize(
    ("cpus", "mode", "without", "reason"),
    [
        (("host", "host,arch-capabilities=off", ""), FULL, [], ""),
        (("host,arch-capabilities=off", ""), FULL, ["arch-capabilities"], MSR),
        (("",), "", [], MSR),
        ((), "host-model", [], MSR),
    ],
)
def test_cpu_is_the_most_of_the_hosts_with_which_qemu_starts(
    tmp_path: Path, cpus: tuple[str, ...], mode: str, without: list[str], reason: str
) -> None:
    found = look(tmp_path, starts_with(*cpus))
    assert (found.facts.cpu_mode, found.facts.cpu_without, found.cpu.reason) == (mode, without, reason)
    assert found.cpu.passed is not bool(reason)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(1, "", "qemu-kvm: Could not access KVM kernel module: Permission denied\n"), "qemu-kvm: Could not"),
        (Answer(-1), "exit status -1"),
        (Answer(-1, fault="qemu-kvm did not end within 5 s"), "qemu-kvm did not end within 5 s"),
    ],
)
def test_qemu_that_fails_otherwise_is_told_by_its_last_line(tmp_path: Path, answer: Answer, reason: str) -> None:
    assert look(tmp_path, answer).cpu.reason.startswith(reason)


def test_qemu_that_does_not_end_is_not_tried_again(tmp_path: Path) -> None:
    """Each try would take until its timeout."""
    host = host_of(tmp_path, Answer(-1, fault="it did not end within 5 s"))
    guest_support.probe(host)
    assert len([command for command in host.asked if command[0] == QEMU]) == 1


def test_host_of_another_architecture_has_no_other_cpu_than_its_own(tmp_path: Path) -> None:
    host = host_of(tmp_path, ABORTED, architecture="aarch64")
    assert guest_support.probe(host) == GuestSupport(GuestFacts(FULL, True, ["dac"]), PASSED, PASSED, NO_VIRTIOFSD)
    assert [command[0] for command in host.asked] == ["virsh"]


def test_host_without_qemu_has_a_reason(tmp_path: Path) -> None:
    host = FakeHost(tmp_path, programs={VIRSH: SAID})
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/arch").write_text("x86_64\n")
    assert guest_support.probe(host) == GuestSupport(GuestFacts(), PASSED, failed("no program qemu-kvm"), NO_VIRTIOFSD)


def test_host_without_kvm_is_not_tried_and_libvirt_not_started(tmp_path: Path) -> None:
    host = FakeHost(tmp_path, kvm="ENOENT", programs={VIRSH: SAID, QEMU: Answer(0)})
    no_kvm = not_tried("cannot open /dev/kvm: No such file or directory")
    assert guest_support.probe(host) == GuestSupport(GuestFacts(), no_kvm, no_kvm, no_kvm)
    assert host.asked == []


def test_libvirt_says_which_security_models_and_buses_there_are(tmp_path: Path) -> None:
    assert look(tmp_path, Answer(0)).facts == GuestFacts(FULL, True, ["dac"])
    el10 = CAPABILITIES.replace("<model>none</model>", "<model>selinux</model>").replace("ide", "sata")
    facts = GuestFacts(FULL, False, ["selinux", "dac"])
    assert look(tmp_path, Answer(0), Answer(0, el10)) == GuestSupport(facts, PASSED, PASSED, NO_VIRTIOFSD)
    without = CAPABILITIES.replace("<model>dac</model>", "<model>none</model>")
    assert look(tmp_path, Answer(0), Answer(0, without)).facts.security_models == []


def q35(*said: str) -> str:
    """What virsh prints of the machine type q35, after the rest."""
    return f"<domainCapabilities><os supported='yes'>{''.join(said)}</os></domainCapabilities>"


def enum(name: str, *values: str) -> str:
    return f"<enum name='{name}'>{''.join(f'<value>{value}</value>' for value in values)}</enum>"


@pytest.mark.parametrize(
    ("said", "uefi"),
    [
        ("", False),
        (q35(), False),
        (q35(enum("firmware")), False),
        (q35(enum("firmware", "bios")), False),
        (q35(enum("firmware", "bios", "efi")), True),
        (q35(enum("firmware", "efi"), f"<firmwareFeatures>{enum('secureBoot', 'yes', 'no')}</firmwareFeatures>"), True),
        (q35(enum("firmware", "efi"), f"<firmwareFeatures>{enum('secureBoot', 'yes')}</firmwareFeatures>"), False),
    ],
)
def test_uefi_is_there_if_libvirt_has_one_for_q35_without_secure_boot(tmp_path: Path, said: str, uefi: bool) -> None:
    found = look(tmp_path, Answer(0), Answer(0, CAPABILITIES + said)).facts
    assert (found.uefi, found.ide) == (uefi, True)


def test_q35_is_asked_for_only_where_it_is(tmp_path: Path) -> None:
    for architecture, is_asked in (("x86_64", True), ("aarch64", False)):
        host = host_of(tmp_path, Answer(0), architecture=architecture)
        guest_support.probe(host)
        (question,) = [command[-1] for command in host.asked if command[0] == "virsh"]
        assert question.endswith("domcapabilities --machine q35") is is_asked


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(1, "", "error: failed to connect to the hypervisor\nerror: no socket\n"), "error: no socket"),
        (Answer(-1, fault="virsh did not end within 5 s"), "virsh did not end within 5 s"),
        (Answer(0), "virsh named no security model or no disk bus"),
        (Answer(0, CAPABILITIES.partition("<domain")[0]), "virsh named no security model or no disk bus"),
        (Answer(0, "<capabilities>"), "virsh printed invalid XML: "),
    ],
)
def test_libvirt_that_does_not_say_it_leaves_the_defaults_and_a_reason(
    tmp_path: Path, answer: Answer, reason: str
) -> None:
    found = look(tmp_path, Answer(0), answer)
    assert found.facts == GuestFacts(FULL)
    assert found.capabilities.unknown if answer.late else found.capabilities.failed
    assert found.capabilities.reason.startswith(reason)
    assert found.cpu.passed, "the two are independent"


def test_host_without_virsh_has_a_reason(tmp_path: Path) -> None:
    host = host_of(tmp_path, Answer(0))
    del host.programs[VIRSH]
    assert guest_support.probe(host).capabilities == failed("no program virsh")


def test_only_root_asks_libvirt(tmp_path: Path) -> None:
    """Other users might be prompted for a password."""
    host = host_of(tmp_path, Answer(0))
    host.as_root = False
    not_root = not_tried(guest_support.NOT_ROOT)
    assert guest_support.probe(host) == GuestSupport(GuestFacts(FULL), not_root, PASSED, NO_VIRTIOFSD)


def test_networks_are_those_that_the_snippet_offers() -> None:
    found = GuestSupport(GuestFacts("", False, ["selinux"], [], "", ["x"]), PASSED, PASSED)
    assert found.offered(("bridge", "nat"), "br0") == GuestFacts(
        "", False, ["selinux"], ["bridge", "nat"], "br0", ["x"]
    )


@pytest.fixture
def real(host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host whose programs are really run, and whose KVM works."""
    monkeypatch.setattr(Host, "device", lambda *_: os.open(os.devnull, os.O_RDWR))
    monkeypatch.setattr(Host, "ioctl", lambda _, __, request: 12 if request & 0xFF == 0 else os.open("/", os.O_RDONLY))
    monkeypatch.setattr(Host, "is_root", lambda _: True)
    (host.root / "proc/sys/kernel").mkdir(parents=True)
    (host.root / "proc/sys/kernel/arch").write_text("x86_64\n")
    return host


def test_qemu_is_told_to_end_and_leaves_no_core(real: Host) -> None:
    before = resource.getrlimit(resource.RLIMIT_CORE)
    add_program(real, '#!/bin/sh\nread line\n[ "$line$(ulimit -S -c)" = quit0 ] || exit 7\n', QEMU)
    assert guest_support.probe(real).cpu.passed
    assert resource.getrlimit(resource.RLIMIT_CORE) == before


def test_libvirt_that_hangs_is_given_up_in_time(real: Host) -> None:
    add_program(real, "#!/bin/sh\nexec sleep 3600\n", VIRSH)
    add_program(real, "#!/bin/sh\n", QEMU)
    real.patience = 1
    slow = unknown("virsh did not end within 1 s")
    assert guest_support.probe(real) == GuestSupport(GuestFacts(FULL), slow, PASSED, NO_VIRTIOFSD)


def test_libvirt_and_qemu_are_at_work_at_the_same_time(real: Host) -> None:
    """Each ends only after the other has started."""
    wait = 'touch "{here}"; until [ -e "{there}" ]; do sleep 0.05; done\n'
    here, there = real.path("/virsh"), real.path("/qemu")
    add_program(real, f"#!/bin/sh\n{wait.format(here=here, there=there)}exit 3\n", VIRSH)
    add_program(real, f"#!/bin/sh\n{wait.format(here=there, there=here)}", QEMU)
    assert guest_support.probe(real) == GuestSupport(GuestFacts(FULL), failed("exit status 3"), PASSED, NO_VIRTIOFSD)


def test_libvirt_says_which_label_guests_have(tmp_path: Path) -> None:
    """virsh capabilities of EL 9, of which the labels of other kinds of guest are not KVM's."""
    labels = "<baselabel type='kvm'>u:r:svirt_t:s0</baselabel><baselabel type='qemu'>u:r:svirt_tcg_t:s0</baselabel>"
    said = CAPABILITIES.replace("<model>none</model>", f"<model>selinux</model><doi>0</doi>{labels}")
    assert look(tmp_path, Answer(0), Answer(0, said)).facts.selinux == "u:r:svirt_t:s0"
    dac = CAPABILITIES.replace("<model>dac</model>", "<model>dac</model><baselabel type='kvm'>+107:+107</baselabel>")
    assert look(tmp_path, Answer(0), Answer(0, dac)).facts.selinux == ""
