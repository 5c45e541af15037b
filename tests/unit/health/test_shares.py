"""Directories and images that are looked at: what is a fault, what is not known, and what is left of a look."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_kvm_stage.health import shares
from condor_kvm_stage.health.faults import Fault
from condor_kvm_stage.health.shares import DIRECTORY, EXECUTE, IMAGE, Place
from condor_kvm_stage.health.state import State
from condor_kvm_stage.share import mounts, tickets
from support.fake_host import FakeHost, write
from support.processes import NOBODY

if TYPE_CHECKING:
    from condor_kvm_stage.share.child import Action

ROOT = "25 1 0:20 / / rw - overlay overlay rw\n"


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    found = FakeHost(tmp_path)
    write(tmp_path, mounts.MOUNTINFO.lstrip("/"), ROOT)
    return found


def look(host: FakeHost, *places: Place, state: State | None = None, now: int = 1000) -> list[Fault]:
    return shares.look(host, list(places), state or State(), now, 60).faults


def test_places_that_are_there_are_no_fault_and_have_free_space(host: FakeHost, tmp_path: Path) -> None:
    image = tmp_path / "canary.qcow2"
    image.write_bytes(b"QFI\xfb")
    places = [Place(DIRECTORY, str(tmp_path)), Place(IMAGE, str(image)), Place(EXECUTE, str(tmp_path))]
    found = shares.look(host, places, State(), 1000, 60)
    assert found.faults == []
    status = os.statvfs(tmp_path)
    assert 0 < found.free[places[2]] <= status.f_blocks * status.f_frsize >> 20


@pytest.mark.parametrize("kind", [DIRECTORY, IMAGE, EXECUTE])
def test_place_that_is_not_there_is_a_fault_of_its_kind(host: FakeHost, tmp_path: Path, kind: str) -> None:
    gone = str(tmp_path / "gone")
    assert look(host, Place(kind, gone)) == [Fault(kind, f"{gone}: No such file or directory")]


def test_file_in_place_of_a_directory_is_a_fault(host: FakeHost, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (fault,) = look(host, Place(DIRECTORY, str(tmp_path / "file")))
    assert fault.reason.endswith("is not a directory")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_directory_of_some_users_has_answered_and_a_canary_that_htcondors_user_may_not_read_has_failed(
    host: FakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(user: str) -> tuple[Action, float]:
        os.setuid(NOBODY)
        return shares._look, 5

    monkeypatch.setattr(shares, "_prepare", prepare)
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    (private / "canary.qcow2").touch()
    assert look(host, Place(DIRECTORY, str(private / "images"))) == []
    (fault,) = look(host, Place(IMAGE, str(private / "canary.qcow2")))
    assert fault.name == "canary"
    assert "Permission denied" in fault.reason


@pytest.mark.parametrize("code", [errno.EACCES, errno.ESTALE])
def test_share_that_wants_tickets_has_answered_a_user_without_one_unless_nobody_can_get_one(
    host: FakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Linux says ESTALE of the mount point itself, and EACCES of what is below."""
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(f"36 35 0:50 / {tmp_path} rw - nfs4 filer:/export rw,sec=krb5p\n", encoding="utf-8")
    monkeypatch.setattr(mounts, "MOUNTINFO", str(mountinfo))
    write(tmp_path, str(mountinfo).lstrip("/"), ROOT)  # what the host reads of it

    def refuse(path: str) -> os.statvfs_result:
        raise OSError(code if path != str(tmp_path) else errno.EACCES, os.strerror(code), path)

    monkeypatch.setattr(os, "statvfs", refuse)
    images = tmp_path / "images"
    images.mkdir()
    monkeypatch.setattr(tickets, "_DAEMON", Path("/proc/self/comm").read_bytes().strip())
    assert look(host, Place(DIRECTORY, str(images))) == []
    monkeypatch.setattr(tickets, "_DAEMON", b"no-such-daemon")
    (fault,) = look(host, Place(DIRECTORY, str(images)))
    assert fault.reason == f"{images}: no-such-daemon does not run, so that no user has a ticket"


def test_canary_that_cannot_be_locked_has_failed_as_no_guest_would_start(
    host: FakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on NFS 3 whose rpc.statd has died."""

    real = fcntl.fcntl

    def no_locks(descriptor: int, command: int, argument: int | bytes) -> int | bytes:
        if command == fcntl.F_OFD_SETLK:
            raise OSError(errno.ENOLCK, "No locks available")
        return real(descriptor, command, argument)

    (tmp_path / "canary").touch()
    assert look(host, Place(IMAGE, str(tmp_path / "canary"))) == []
    monkeypatch.setattr(fcntl, "fcntl", no_locks)
    (fault,) = look(host, Place(IMAGE, str(tmp_path / "canary")))
    assert fault.name == "canary"
    assert "cannot be locked: No locks available" in fault.reason


def silent_fifo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A canary that does not answer: to open a FIFO waits for a writer."""
    monkeypatch.setattr(shares, "DEADLINE", 0.3)
    os.mkfifo(tmp_path / "canary")
    return Place(IMAGE, str(tmp_path / "canary"))


def test_silence_is_a_fault_only_when_it_lasts(host: FakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, state = silent_fifo(tmp_path, monkeypatch), State()
    assert look(host, place, state=state, now=1000) == []
    assert look(host, place, state=state, now=1059) == []
    assert look(host, place, state=state, now=1060) == [Fault("canary", f"{place.path} does not answer")]
    os.unlink(place.path)
    Path(place.path).touch()
    assert look(host, place, state=state, now=1061) == []
    assert state.silent == {}


def test_silence_is_a_fault_after_two_minutes_whatever_the_policy_says(
    host: FakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, state = silent_fifo(tmp_path, monkeypatch), State()
    shares.look(host, [place], state, 1000, 3600)
    assert shares.look(host, [place], state, 1000 + shares.LONGEST, 3600).faults != []


def test_last_verdict_holds_until_silence_is_one(
    host: FakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = silent_fifo(tmp_path, monkeypatch)
    assert look(host, place, state=State(faults={"canary": "gone"})) == [Fault("canary", "gone")]


def test_probe_that_can_be_killed_is_gone_after_the_look(
    host: FakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, state = silent_fifo(tmp_path, monkeypatch), State()
    look(host, place, state=state)
    assert state.probes == {}
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_probe_that_cannot_be_killed_is_remembered_and_no_other_is_started(
    host: FakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, state = silent_fifo(tmp_path, monkeypatch), State()
    monkeypatch.setattr(shares, "_is_gone", lambda pid: False)
    look(host, place, state=state)
    assert list(state.probes) == ["/"]

    def must_not(*_: object) -> None:
        raise AssertionError("the share is touched again")

    with monkeypatch.context() as patch:
        patch.setattr(shares, "Watchdog", must_not)
        look(host, place, state=state, now=1030)
    os.waitpid(state.probes["/"][0], 0)
    monkeypatch.undo()
    os.unlink(place.path)
    Path(place.path).touch()
    assert look(host, place, state=state, now=1031) == []
    assert state.probes == {}


def test_one_share_that_is_silent_does_not_hide_another(
    host: FakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, state = silent_fifo(tmp_path, monkeypatch), State()
    other = tmp_path / "other"
    write(tmp_path, mounts.MOUNTINFO.lstrip("/"), ROOT + f"36 25 0:50 / {other} rw - nfs4 filer:/export rw\n")
    gone = Place(DIRECTORY, str(other / "gone"))
    assert [fault.name for fault in look(host, place, gone, state=state)] == ["share"]


@pytest.mark.parametrize("known_by", ["an earlier look", "fstab"])
def test_directory_that_is_no_longer_on_its_share_is_a_fault(host: FakeHost, tmp_path: Path, known_by: str) -> None:
    place, state = Place(DIRECTORY, str(tmp_path / "images")), State()
    (tmp_path / "images").mkdir()
    if known_by == "fstab":
        write(tmp_path, "etc/fstab", f"# comment\nfiler:/export {place.path} nfs4 rw,nofail 0 0\n")
    else:
        mounted = ROOT + f"36 25 0:50 / {place.path} rw - nfs4 filer:/export rw\n"
        write(tmp_path, mounts.MOUNTINFO.lstrip("/"), mounted)
        assert look(host, place, state=state) == []
        write(tmp_path, mounts.MOUNTINFO.lstrip("/"), ROOT)
    for _ in range(2):
        assert look(host, place, state=state) == [Fault("share", f"{place.path} is not mounted")]


def test_what_fstab_does_not_mount_at_boot_is_not_missed(host: FakeHost, tmp_path: Path) -> None:
    write(tmp_path, "etc/fstab", f"filer:/export {tmp_path} nfs4 rw,noauto 0 0\n/swap none swap sw 0 0\n")
    assert look(host, Place(DIRECTORY, str(tmp_path))) == []
