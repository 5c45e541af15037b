"""What tells the user of a guest holds nothing of the filter's, and whoever stops it stops nothing else."""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from condor_kvm_stage import chirp
from condor_kvm_stage.gahp import guest_address, job_mode
from condor_kvm_stage.gahp.guest_watch import GuestWatch
from condor_kvm_stage.job import Job
from condor_kvm_stage.leftovers.guest_status import GuestStatus
from condor_kvm_stage.leftovers.metadata import JobRef
from support.processes import NOBODY, children, reaped, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Job]:
    """A job whose starter accepts connections, and says nothing."""
    for directory in (tmp_path, *tmp_path.parents):
        if directory != Path("/tmp") and directory.is_relative_to("/tmp"):
            directory.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        (tmp_path / ".chirp.config").write_text(f"127.0.0.1 {listener.getsockname()[1]} cookie\n", encoding="ascii")
        yield Job(str(tmp_path), NOBODY, NOBODY, os.getpid(), 1)


def test_what_tells_the_user_does_not_keep_the_vm_gahps_input_open(silent: Job) -> None:
    reader, writer = os.pipe2(os.O_CLOEXEC)
    child = job_mode._set_attribute(silent, job_mode.PROBLEM, '"x"')
    os.close(writer)
    try:
        assert select.select([reader], [], [], 10)[0], "the vm-gahp would not hear that it is to end"
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "it still waits for the starter"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)


def test_what_the_user_is_told_last_takes_the_place_of_what_has_not_reached_him(
    silent: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(children())
    report = job_mode.Update(silent, job_mode.PROBLEM)
    assert report.is_over(), "there is nothing to tell"
    report.begin('"the guest is paused"')
    (first,) = set(children()) - before
    assert not report.is_over()
    report.begin('"the guest has ended"')
    (second,) = set(children()) - before
    assert second != first
    assert not report.is_over()
    monkeypatch.setattr(job_mode, "_TOLD", 0)
    report.begin('"the job ends"')
    wait_for(report.is_over, "a starter that says nothing is not waited for any longer")
    (third,) = set(children()) - before
    os.kill(third, signal.SIGKILL)
    os.waitpid(third, 0)


def test_address_that_does_not_reach_the_starter_stops_nobody(silent: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def watch(status: GuestStatus, process: int, tell: Callable[[str], None]) -> None:
        for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
            tell(address)
        os.write(process, b"told")

    monkeypatch.setattr(chirp, "_TIMEOUT", 20)
    monkeypatch.setattr(guest_address, "watch", watch)
    definition = ElementTree.fromstring("<domain><devices><interface type='network'/></devices></domain>")
    status = GuestStatus("g", "u", JobRef(silent.scratch, 1, 1), 1, "running", "booted", definition)
    reader, writer = os.pipe2(os.O_CLOEXEC)
    before = set(children())
    job_mode._find_address(GuestWatch(status, writer, 0), silent)
    os.close(writer)
    try:
        assert select.select([reader], [], [], 10)[0], "it waits for the starter, or for who has stopped the child"
        assert os.read(reader, 10) == b"told"
    finally:
        os.close(reader)
    wait_for(lambda: not reaped(before), "the end of what watches the address")
