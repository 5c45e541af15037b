"""What the filter writes into the journal: how each guest started, and how it ended, once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from condor_kvm_stage.gahp import journal_entries
from condor_kvm_stage.gahp.guest_end import End
from condor_kvm_stage.gahp.guest_watch import GuestWatch
from condor_kvm_stage.job import Job
from condor_kvm_stage.leftovers.guest_status import GuestStatus
from condor_kvm_stage.leftovers.metadata import JobRef
from condor_kvm_stage.processes import user_name
from support.gahp.starter import PATIENCE, Guest, Starter, wait_for
from support.journal import Entry, Journal

STATUS = Path(__file__).parents[2] / "data/status/domain.xml"


@pytest.fixture
def listening(journal: Path) -> Iterator[Journal]:
    found = Journal(journal)
    yield found
    found.close()


@pytest.fixture
def guest() -> GuestWatch:
    definition = ElementTree.parse(STATUS).getroot().find("domain")
    assert definition is not None
    status = GuestStatus("alice_worker_12.0", "u-u-i-d", JobRef("/s", 1, 2), 3, "running", "booted", definition)
    return GuestWatch(status, -1, 0)


def job(scratch: Path) -> Job:
    return Job(str(scratch), os.getuid(), os.getgid(), 4242, 17)


def shown(entry: Entry, *names: str) -> tuple[str, ...]:
    return tuple(entry.get(f"KVM_STAGE_{name}".encode(), b"").decode() for name in names)


def test_start_is_noted_with_job_user_image_and_guest(listening: Journal, guest: GuestWatch, scratch: Path) -> None:
    journal_entries.started(guest, job(scratch))
    (entry,) = listening.entries()
    assert shown(entry, "EVENT", "JOB", "OWNER", "IMAGE", "GUEST") == (
        "started",
        "12.0",
        user_name(os.getuid()),
        "/srv/images/long.qcow2",
        "alice_worker_12.0",
    )


@pytest.mark.parametrize(
    ("end", "is_stopped", "how", "words"),
    [
        (End.POWERED_OFF, False, "powered-off", "it has powered off"),
        (End.CRASHED, False, "crashed", "QEMU ended unexpectedly"),
        (End.DESTROYED, True, "stopped", "HTCondor has stopped it"),
        (None, False, "not known", "libvirt does not say how"),
    ],
)
def test_end_is_noted_in_words(
    listening: Journal, guest: GuestWatch, scratch: Path, end: End | None, is_stopped: bool, how: str, words: str
) -> None:
    journal_entries.ended(guest, job(scratch), end, is_stopped)
    (entry,) = listening.entries()
    assert shown(entry, "EVENT", "JOB", "END") == ("ended", "12.0", how)
    assert f"has ended: {words}" in entry[b"MESSAGE"].decode()


@pytest.mark.parametrize("ad", [b"ClusterId = 12\nProcId = 0\n", None])
def test_failed_start_is_noted_with_whose_fault_it_is(listening: Journal, scratch: Path, ad: bytes | None) -> None:
    if ad:
        (scratch / ".job.ad").write_bytes(ad)
    journal_entries.refused(job(scratch), journal_entries.NODE, "no guest starts")
    (entry,) = listening.entries()
    assert shown(entry, "EVENT", "JOB", "CHECK") == ("refused", "12.0" if ad else "", "node")
    assert entry[b"PRIORITY"] == b"5"


def noted(starter: Starter) -> list[str]:
    return [line for line in starter.duties() if line.startswith(("started ", "ended "))]


def test_guest_is_noted_once_at_its_start_and_once_at_its_end(tmp_path: Path) -> None:
    guest = Guest(tmp_path)
    starter = Starter(tmp_path)
    starter.starts_guest()
    starter.knows_guest()
    wait_for(lambda: bool(noted(starter)))
    guest.ends("shutdown")
    starter.relay.wait(PATIENCE)
    assert noted(starter) == ["started alice_worker_1.0", "ended POWERED_OFF False"]
    assert starter.duties().count("find the address of alice_worker_1.0") == 1


def test_guest_that_htcondor_stops_is_noted_as_stopped(tmp_path: Path) -> None:
    guest = Guest(tmp_path)
    starter = Starter(tmp_path)
    starter.starts_guest()
    starter.knows_guest()
    assert starter.asks(b"CONDOR_VM_STOP 4 1") == b"S\n"
    guest.ends("destroyed")
    starter.asks(b"QUIT")
    starter.relay.wait(PATIENCE)
    (started, ended) = noted(starter)
    assert (started, ended.endswith(" True")) == ("started alice_worker_1.0", True)


def test_guest_without_a_starter_is_noted_as_ended(tmp_path: Path) -> None:
    Guest(tmp_path)
    starter = Starter(tmp_path)
    starter.starts_guest()
    starter.knows_guest()
    wait_for(lambda: bool(noted(starter)))
    starter.goes()
    starter.relay.wait(PATIENCE)
    assert noted(starter)[1:] == ["ended None True"]


def test_user_of_a_guest_that_cannot_continue_finds_one_end(tmp_path: Path) -> None:
    guest = Guest(tmp_path)
    starter = Starter(tmp_path)
    starter.starts_guest()
    starter.knows_guest()
    guest.is_paused("ioerror")
    assert starter.relay.wait(PATIENCE) == 74
    assert noted(starter)[1:] == ["ended STUCK False"]
