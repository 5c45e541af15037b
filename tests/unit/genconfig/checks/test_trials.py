"""The trials of --check: what each runs, how it reads the answers, and that they run at the same time."""

from __future__ import annotations

import threading

import pytest

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig.outcome import PASSED, Outcome, failed, unknown
from condor_kvm_stage.policy.model import Policy
from support.trial_programs import FIND, GAHP, GAHP_PASSED, PATH_OF_PLUGIN, PLUGIN, Try, policy

# As condor_vm-gahp 25.14 says it
LOG = """11/22/26 12:48:01 SharedPortEndpoint: failed to open /var/lock/condor/shared_port_ad: No such file or directory
11/22/26 12:48:01 VM-GAHP initialized with run-mode 0
Initialize Uids: caller=root, job user=condor
{}**** condor_vm-gahp (condor_VM_GAHP) pid 11 EXITING WITH STATUS 1
"""


def test_host_without_anything_has_a_reason_for_each_trial(carry_out: Try) -> None:
    found = carry_out({}, Policy())
    assert (found.gahp.tried, found.unit, found.directories, found.canary.tried) == (False, "", (), False)
    assert found.plugin == failed("no program /usr/local/bin/vm-nfs-plugin")
    assert found.advertised.query == failed("no program condor_config_val")
    assert found.user == "this user"


def test_versions_are_what_the_programs_say(carry_out: Try) -> None:
    found = carry_out(
        {
            "/usr/libexec/qemu-kvm": Answer(0, "QEMU emulator version 9.1.0 (qemu-kvm-9.1.0-15.el9)\n"),
            "/usr/bin/qemu-img": Answer(0, "qemu-img version 9.1.0 (qemu-kvm-9.1.0-15.el9)\n"),
        },
        Policy(),
    )
    assert (found.qemu, found.qemu_img) == ("9.1.0", "9.1.0")


def test_broken_policy_keeps_nothing_but_its_images_from_being_tried(carry_out: Try) -> None:
    found = carry_out({GAHP: GAHP_PASSED, PATH_OF_PLUGIN: PLUGIN}, None)
    assert (found.gahp, found.plugin, found.directories, found.canary.tried) == (PASSED, PASSED, (), False)


def test_gahp_is_asked_as_the_startd_asks_it(carry_out: Try) -> None:
    asked: list[tuple[str, ...]] = []

    def answer(command: tuple[str, ...]) -> Answer:
        asked.append(command)
        return GAHP_PASSED

    assert carry_out({GAHP: answer}).gahp == PASSED
    assert asked == [(GAHP, "-f", "-t", "-M", "0", "vmtype", "kvm")]


def test_server_that_another_file_sets_is_asked_in_its_place(carry_out: Try) -> None:
    """As the startd will run it."""
    other = "/etc/condor/config.d/60-site.conf, line 1"
    settings = Answer(0, f"VM_GAHP_SERVER = /opt/gahp\n # at: {other}\n # raw: VM_GAHP_SERVER = /opt/gahp\n")
    found = carry_out({GAHP: GAHP_PASSED, "/usr/bin/condor_config_val": settings})
    assert found.gahp == failed("no program /opt/gahp")


def test_only_root_can_run_the_test_of_the_gahp(carry_out: Try) -> None:
    assert not carry_out({GAHP: GAHP_PASSED}, as_root=False).gahp.tried


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            Answer(1, "", LOG.format("File(/dev/kvm) can't be read\n\nFile Permission Error: Cannot read /dev/kvm\n")),
            "File Permission Error: Cannot read /dev/kvm",
        ),
        (
            Answer(1, "", LOG.format("libvirt: XML-RPC error : no\nFailed to create libvirt connection: no\n")),
            "Failed to create libvirt connection: no",
        ),
        (
            Answer(1, "", LOG.format("\nERROR: 'VM_MEMORY' is not defined in configuration\n")),
            "ERROR: 'VM_MEMORY' is not defined in configuration",
        ),
        (Answer(1, "", LOG.format("")), "**** condor_vm-gahp (condor_VM_GAHP) pid 11 EXITING WITH STATUS 1"),
        (Answer(1), "exit status 1"),
        (Answer(0, "VM_Type = kvm\n"), "VM_Type = kvm"),
        (Answer(-1, fault="condor_vm-gahp did not end within 5 s"), "condor_vm-gahp did not end within 5 s"),
    ],
)
def test_failure_of_the_gahp_is_the_line_of_its_log_that_tells_why(carry_out: Try, answer: Answer, reason: str) -> None:
    assert carry_out({GAHP: answer}).gahp == (unknown(reason) if answer.late else failed(reason))


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (PLUGIN, PASSED),
        (Answer(0), failed("exit status 0")),
        (Answer(1, "", "python3: bad interpreter\n"), failed("python3: bad interpreter")),
        (Answer(-1, fault="vm-nfs-plugin did not end within 5 s"), unknown("vm-nfs-plugin did not end within 5 s")),
    ],
)
def test_plugin_must_say_what_it_supports(carry_out: Try, answer: Answer, outcome: Outcome) -> None:
    assert carry_out({PATH_OF_PLUGIN: answer}).plugin == outcome


def test_unit_is_in_the_state_that_systemd_says_whatever_its_exit_status(carry_out: Try) -> None:
    assert carry_out({"/usr/bin/systemctl": Answer(1, "disabled\n")}).unit == "disabled"


def test_no_trial_waits_for_another(carry_out: Try) -> None:
    """Each waits until all of them have started: five directories, canary, plug-in, gahp, unit and libvirt."""
    barrier = threading.Barrier(10)

    def together(command: tuple[str, ...]) -> Answer:
        if "show" not in command:  # of the facts, which come first
            barrier.wait(timeout=10)
        return Answer(0)

    programs = dict.fromkeys([FIND, PATH_OF_PLUGIN, GAHP, "/usr/bin/systemctl", "/usr/bin/virsh"], together)
    carry_out(programs, policy("/a", "/b", "/c", "/d", "/e", canary="/f"))
