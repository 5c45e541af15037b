"""A share that wants Kerberos tickets: who has none is told from whom modes keep out, and from a fault of the node."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from condor_kvm_stage.failures import EXPIRED, AuthorizationError, ContactError, StageError
from condor_kvm_stage.images import lock_failures, qemu_img
from condor_kvm_stage.share import mounts, tickets

DOING = "open image x"


USER = 1000


def refused(code: int, path: Path) -> StageError | None:
    return tickets.refusal(OSError(code, os.strerror(code)), str(path), DOING)


@pytest.fixture
def share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mount point whose server wants tickets, and takes none of a user's; rpc.gssd runs."""
    monkeypatch.setattr(os, "geteuid", lambda: USER)
    mount(tmp_path, monkeypatch, "nfs4", "rw,vers=4.2,sec=krb5p,addr=192.0.2.1")
    answer(monkeypatch, errno.EACCES)
    monkeypatch.setattr(tickets, "_DAEMON", Path("/proc/self/comm").read_bytes().strip())
    return tmp_path


def mount(point: Path, monkeypatch: pytest.MonkeyPatch, kind: str, options: str) -> None:
    mountinfo = point / "mountinfo"
    mountinfo.write_text(f"36 35 0:50 / {point} rw - {kind} filer:/export {options}\n", encoding="utf-8")
    monkeypatch.setattr(mounts, "MOUNTINFO", str(mountinfo))


def answer(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """Let the share's server answer every user with this errno, 0 for the free space."""

    def asked(path: str) -> None:
        if code:
            raise OSError(code, os.strerror(code), path)

    monkeypatch.setattr(os, "statvfs", asked)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.ESTALE])
def test_user_without_a_ticket_is_told_so_and_what_to_do(share: Path, code: int) -> None:
    failure = refused(code, share / "images/base.qcow2")
    assert isinstance(failure, AuthorizationError)
    assert (failure.check, failure.code) == ("ticket", errno.EACCES)
    assert f"cannot {DOING}: the share at {share} wants Kerberos tickets (sec=krb5p), and the job's user" in str(
        failure
    )
    assert "has none on" in str(failure)
    assert "get one (kinit), and submit the job again" in str(failure)


@pytest.mark.parametrize("answered", [0, errno.EACCES, errno.EKEYEXPIRED])
def test_ticket_that_has_expired_is_said_to_have(share: Path, monkeypatch: pytest.MonkeyPatch, answered: int) -> None:
    answer(monkeypatch, answered)
    failure = refused(errno.EKEYEXPIRED, share)
    assert isinstance(failure, AuthorizationError)
    assert (failure.check, failure.code) == ("ticket", errno.EKEYEXPIRED)
    assert "has expired; get a new one (kinit), and release the job" in str(failure)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EKEYEXPIRED])
def test_root_has_the_nodes_ticket_so_that_its_want_is_the_nodes_fault(
    share: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    failure = refused(code, share)
    assert isinstance(failure, ContactError)
    assert "kinit" not in str(failure)
    assert "check the node's keytab (klist -k)" in str(failure)


@pytest.mark.parametrize("code", EXPIRED)
def test_ticket_that_expires_while_an_image_is_locked_or_copied_is_not_the_shares_fault(
    share: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    image = str(share / "base.qcow2")
    expired = OSError(code, os.strerror(code))
    said = f"qemu-img: error while reading at byte 65536: {expired.strerror}\n"
    locked, copied = lock_failures.not_lockable(image, "image x", expired), qemu_img.failure(1, said, image, "")
    for failure, doing in ((locked, "lock image x"), (copied, f"read image {image}")):
        assert isinstance(failure, AuthorizationError)
        assert str(failure).startswith(f"cannot {doing}: the share at {share} wants Kerberos tickets")
        assert "has expired" in str(failure)
    assert isinstance(copied, StageError)
    assert copied.detail == said.removeprefix("qemu-img: ").rstrip()


def test_lock_that_is_refused_for_want_of_a_ticket_is_not_one_of_a_share_without_locks(share: Path) -> None:
    refusal = OSError(errno.EACCES, os.strerror(errno.EACCES))
    assert lock_failures.not_lockable(str(share / "base.qcow2"), "image x", refusal).check == "ticket"


def test_ticket_that_the_server_takes_means_that_modes_are_the_reason(
    share: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, 0)
    assert refused(errno.EACCES, share / "private") is None


@pytest.mark.parametrize("code", [errno.ESTALE, errno.EIO])
def test_fault_of_the_share_is_no_want_of_a_ticket(share: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    answer(monkeypatch, code)
    assert refused(code, share) is None
    assert refused(errno.EACCES, share) is None


@pytest.mark.parametrize(
    ("kind", "options"), [("nfs4", "rw,sec=sys"), ("nfs", "rw"), ("ext4", "rw,sec=krb5"), ("cifs", "rw,sec=krb5")]
)
def test_other_file_systems_want_no_ticket_of_nfs(
    share: Path, monkeypatch: pytest.MonkeyPatch, kind: str, options: str
) -> None:
    mount(share, monkeypatch, kind, options)
    assert refused(errno.EACCES, share) is None


def test_daemon_that_does_not_run_is_the_nodes_fault(share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tickets, "_DAEMON", b"no-such-daemon")
    failure = refused(errno.EACCES, share)
    assert isinstance(failure, ContactError)
    assert "and no-such-daemon, which gets them, does not run on" in str(failure)


def test_mounts_that_cannot_be_read_are_not_guessed_at(share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "MOUNTINFO", str(share / "none"))
    assert refused(errno.EACCES, share) is None
