"""What libvirt said of a failed start is found in the vm-gahp's log, that of this job, and shortened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.domain import refusal
from condor_kvm_stage.gahp import start_error
from condor_kvm_stage.host import Host

TIME = "11/27/26 11:45:32"
# From a node
CLOSED = (
    "internal error: QEMU unexpectedly closed the monitor (vm='alice_worker_1.0'): 2026-11-27T11:45:32.149963Z "
    'qemu-system-x86_64: -blockdev {"driver":"file","filename":"/var/lib/condor/execute/dir_432/scratch'
    '.condor-kvm-stage/disk.qcow2","node-name":"libvirt-1-storage","cache":{"direct":false,"no-flush":false}}: '
)
REGULAR = (
    "'file' driver requires '/var/lib/condor/execute/dir_432/scratch.condor-kvm-stage/disk.qcow2' to be a regular file"
)


def log(*entries: str) -> str:
    return "".join(f"{TIME} {entry}\n" for entry in entries)


def failed(process: int, error: str) -> str:
    return f"(pid:{process}) Failed to create libvirt domain: {error}"


def test_error_is_shortened_to_what_a_user_understands() -> None:
    text = log("(pid:7) CreateKvmVMConfigFile", failed(7, CLOSED + REGULAR))
    assert start_error.find(text, 7) == "'file' driver requires 'disk.qcow2' to be a regular file"


def test_error_of_several_lines_ends_with_the_next_entry() -> None:
    lock = 'Failed to get "write" lock\nIs another process using the image [/x/disk.qcow2]?'
    text = log(failed(7, CLOSED + lock), "(pid:8) STARTING UP")
    found = start_error.find(text, 7)
    assert found.startswith('Failed to get "write" lock Is another process using the image [/x/disk.qcow2]?; release')
    assert "STARTING" not in found
    assert "when no other process uses the disk" in found


def test_error_of_another_job_is_not_taken() -> None:
    text = log(failed(7, "mine, of old"), failed(77, "another's"), failed(7, "mine"), failed(17, "another's"))
    assert start_error.find(text, 7) == "mine"
    assert start_error.find(text, 9) == ""


def test_refusal_of_the_builder_is_found_in_what_libvirt_quotes() -> None:
    definition = refusal.domain("the job brings a file console.log").decode()
    quoted = definition.partition('type="')[2].partition('"')[0]
    text = log(failed(7, f"XML error: Invalid value for attribute 'type' in element 'domain': '{quoted}'."))
    assert start_error.find(text, 7) == "the job brings a file console.log"


@pytest.mark.parametrize(
    ("error", "step"),
    [
        ("cannot set up guest memory 'pc.ram': Cannot allocate memory", "lower request_memory"),
        (
            "operation failed: domain 'alice_w_1.0' already exists with uuid 1",
            "when the other virtual machine has ended",
        ),
        ("Could not open 'disk.qcow2': No such file or directory", "release the job"),
        ("internal error: process exited while connecting to monitor", "QEMU was killed"),
        ("internal error: QEMU unexpectedly closed the monitor (vm='alice_node_7.0')", "QEMU was killed"),
        (CLOSED + "Failed to lock byte 100", "when no other process"),
        ("Image is not in qcow2 format", "qemu-img check"),
    ],
)
def test_known_causes_have_a_next_step(error: str, step: str) -> None:
    assert step in start_error.find(log(failed(7, error)), 7)


def test_long_errors_and_control_characters_do_no_harm() -> None:
    found = start_error.find(log(failed(7, "\x1b[2J" + "x" * 10000)), 7)
    assert len(found) < 500
    assert found.isprintable()


LOST = "End of file while reading data: Input/output error"


class Node(Host):
    """Its HTCondor has this vm-gahps' log, and its control guests start."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path_of_log = path

    def start(self, *_command: str, **_options: object) -> Callable[[], Answer]:
        return lambda: Answer(0, f"{self.path_of_log}\n")


@pytest.mark.parametrize(
    ("error", "is_lost"),
    [
        (LOST, True),
        ("Cannot write data: Broken pipe", True),
        ("client socket is closed", True),
        (CLOSED + LOST, False),  # QEMU's words: the job chooses names in them
        (f"XML error: {LOST}", False),
        (REGULAR, False),
    ],
)
def test_start_during_which_libvirt_ended_is_not_the_jobs_fault(tmp_path: Path, error: str, is_lost: bool) -> None:
    (tmp_path / "log").write_text(log(failed(7, error), failed(9, LOST)), encoding="utf-8")
    node = Node(tmp_path / "log")
    assert start_error.read(node, 7).node == ("libvirt's daemon ended while the guest started" if is_lost else "")


BANNER = "(pid:{0}) ******************************************************"
CANNOT_BE_READ = "(pid:{0}) File(/dev/kvm) can't be read"  # from a node
NO_MACHINE = "invalid argument: could not get preferred machine for /usr/bin/qemu-system-x86_64 type=kvm"


@pytest.mark.parametrize("entry", [CANNOT_BE_READ.format(7), failed(7, NO_MACHINE)])
def test_start_without_kvm_is_seen_in_the_log(tmp_path: Path, entry: str) -> None:
    (tmp_path / "log").write_text(log(BANNER.format(7), entry, "(pid:7) "), encoding="utf-8")
    assert start_error.read(Node(tmp_path / "log"), 7).node == "there was no /dev/kvm when the guest was to start"


@pytest.mark.parametrize(
    "entries",
    [
        [BANNER.format(7), CANNOT_BE_READ.format(8), failed(7, "mine")],
        [BANNER.format(7), CANNOT_BE_READ.format(7), BANNER.format(7), failed(7, "mine")],
        [BANNER.format(7), failed(7, f"cannot open {CANNOT_BE_READ.format(7)}")],
        [BANNER.format(7), failed(7, f"{NO_MACHINE}.qcow2")],
    ],
    ids=["another's", "of a process with the same id, before", "in a file's name", "at the begin of a file's name"],
)
def test_start_that_failed_otherwise_is_not_taken_for_one_without_kvm(entries: list[str]) -> None:
    assert not start_error.tells_of_no_kvm(log(*entries), 7)
