"""An image that a guest could not read is known by its locks; one that others read, or without locks, is left alone.

That no guest starts on what is called denied here, and any on the rest, is tested with each QEMU: see tests/e2e.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from condor_kvm_stage.failures import ContactError, StageError
from condor_kvm_stage.images import qemu_locks
from support import overlays
from support.qemu_writer import qemu_io
from support.staged_disks import write_raw

QemuImg = Callable[..., str]
SHOWN = "image x"


def fault(path: Path) -> StageError | None:
    """As the plug-in asks: of a file that it only reads."""
    with open(path, "rb") as file:
        return qemu_locks.find_fault(file.fileno(), file.name, SHOWN)


def is_denied(path: Path) -> bool:
    found = fault(path)
    assert found is None or (found.check == "in_use" and isinstance(found, ContactError))
    return found is not None


def take(descriptor: int, first: int, length: int, kind: int = fcntl.F_RDLCK, command: int = fcntl.F_OFD_SETLK) -> None:
    fcntl.fcntl(descriptor, command, struct.pack("hhqqi4x", kind, os.SEEK_SET, first, length, 0))


@pytest.fixture(params=["raw", "qcow2"])
def image_format(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def image(tmp_path: Path, qemu_img: QemuImg, image_format: str) -> Path:
    path = tmp_path / "image"
    qemu_img("create", "-q", "-f", image_format, path, "1M")
    return path


def test_image_that_qemu_writes_to_is_denied_until_it_is_closed(image: Path, image_format: str) -> None:
    assert not is_denied(image)
    with qemu_io("-f", image_format, image):
        assert is_denied(image)
        assert is_denied(image), "to ask takes no lock, and ends none"
        assert "in the way in which QEMU locks a disk that it writes to, so no" in str(fault(image))
    assert not is_denied(image)


def test_image_that_qemu_reads_is_not_denied(image: Path, image_format: str) -> None:
    with qemu_io("-r", "-f", image_format, image), qemu_io("-r", "-f", image_format, image):
        assert not is_denied(image)


def test_image_on_whose_overlays_others_work_is_not_denied(tmp_path: Path, image: Path, image_format: str) -> None:
    one, two = (overlays.write(tmp_path / name, image, image_format, 1 << 20) for name in ("one", "two"))
    with qemu_io("-f", "qcow2", one), qemu_io("-f", "qcow2", two):
        assert is_denied(one)
        assert is_denied(two)
        assert not is_denied(image)


def test_who_only_has_the_file_open_is_not_seen(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "image")
    with open(path, "r+b"):
        assert not is_denied(path)


@pytest.mark.parametrize(
    ("first", "length", "how"),
    [
        (0, 1, ""),  # libvirt's own
        (100, 1, ""),  # consistent read: every reader
        (101, 1, "QEMU locks a disk that it writes to"),  # write
        (100, 2, "QEMU locks a disk that it writes to"),  # how Linux shows 100 and 101 of one writer
        (103, 1, "QEMU locks a disk that it writes to"),  # resize
        (101, 100, "QEMU locks a disk that it writes to"),  # of whoever may read the image
        (200, 1, "QEMU keeps readers off, for example during a commit"),
        (200, 2, "QEMU keeps readers off, for example during a commit"),
        (201, 1, ""),  # nobody else may write: every reader of a qcow2 image
        (203, 1, ""),  # nobody else may resize
        (0, 0, "a lock on the whole file, which is not how QEMU does it"),  # as flock(1) is passed on to NFS
        (0, 512, "a lock on the bytes 0 to 511, which is not how QEMU does it"),
        (100, 0, "a lock on the whole file, which"),
        (300, 0, ""),
    ],
)
def test_message_says_of_a_lock_what_its_bytes_tell(tmp_path: Path, first: int, length: int, how: str) -> None:
    path = write_raw(tmp_path / "image")
    with open(path, "rb") as file:
        take(file.fileno(), first, length)
        assert is_denied(path) is bool(how)
        if how:
            message = str(fault(path))
            assert message.startswith(f"{SHOWN} is locked by another program, on {os.uname().nodename} or on another")
            assert how in message
            assert "wait until that program has ended" in message
            assert "a client that died has left the lock: the administrator of the server must remove it" in message
            assert "writing" not in message, "a reader can have locked it"


@pytest.mark.parametrize("byte", [100, 201, 203])
def test_exclusive_lock_where_readers_have_theirs_is_found_by_trying(tmp_path: Path, byte: int) -> None:
    path = write_raw(tmp_path / "image")
    with open(path, "r+b") as file:
        take(file.fileno(), byte, 1, fcntl.F_WRLCK)
        assert is_denied(path) is (byte == 100)  # QEMU takes 201 and 203, too, but nobody locks these alone
        if byte == 100:
            assert str(fault(path)).startswith(f"{SHOWN} is locked by another program, so no guest")


def test_process_of_this_node_is_named(tmp_path: Path) -> None:
    """A lock by lockf(3) belongs to a process; its own does not keep it from anything, so another one takes it."""
    path = write_raw(tmp_path / "image")
    script = "import fcntl, sys; file = open(sys.argv[1], 'rb'); fcntl.lockf(file, fcntl.LOCK_SH); print(flush=True)"
    command = [sys.executable, "-c", f"{script}; sys.stdin.read()", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        message = str(fault(path))
        process.stdin.close()
    assert message.startswith(f"{SHOWN} is locked by process {process.pid} on {os.uname().nodename}, with a lock on")
    assert not is_denied(path)


def test_nothing_stays_locked_after_the_file_is_closed(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "image")
    with open(path, "r+b") as other:
        with open(path, "rb") as file:
            assert qemu_locks.find_fault(file.fileno(), file.name, SHOWN) is None
            with pytest.raises(BlockingIOError):
                take(other.fileno(), 0, 0, fcntl.F_WRLCK)
        take(other.fileno(), 0, 0, fcntl.F_WRLCK)


def test_attempt_keeps_nobody_off_who_shares_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it lasts another plug-in, or QEMU, must not take it for that of a writer."""
    path = write_raw(tmp_path / "image")
    original, seen = fcntl.fcntl, list[bool]()

    def slow(descriptor: int, command: int, argument: Any) -> Any:
        answer = original(descriptor, command, argument)
        if command == fcntl.F_OFD_SETLK:
            with monkeypatch.context() as undisturbed:
                undisturbed.setattr(fcntl, "fcntl", original)
                seen.append(is_denied(path))
        return answer

    monkeypatch.setattr(fcntl, "fcntl", slow)
    assert not is_denied(path)
    assert seen == [False]


def test_file_whose_locks_cannot_be_queried_is_not_denied(tmp_path: Path) -> None:
    descriptor = os.open(write_raw(tmp_path / "image"), os.O_PATH)  # for want of a share without locks
    try:
        with pytest.raises(OSError, match="Bad file descriptor"):
            fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, bytes(32))
        assert qemu_locks.find_fault(descriptor, str(tmp_path / "image"), SHOWN) is None
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("code", "check", "words"),
    [
        (errno.ENOLCK, "locks", "image x cannot be locked: No locks available; QEMU locks every image that it opens"),
        (errno.ENOSYS, "locks", "image x cannot be locked: Function not implemented; QEMU"),
        (errno.EACCES, "locks", "image x cannot be locked: Permission denied; QEMU"),  # SELinux
        (errno.EAGAIN, "in_use", "image x is locked by another program, so"),
        (errno.EIO, "", "cannot lock image x: Input/output error; the share has a fault"),
        (errno.ESTALE, "", "cannot lock image x: Stale file handle: the share has gone stale"),
    ],
)
def test_lock_that_is_refused_is_the_shares_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, check: str, words: str
) -> None:
    path = write_raw(tmp_path / "image")
    original = fcntl.fcntl

    def refusing(descriptor: int, command: int, argument: Any) -> Any:
        if command == fcntl.F_OFD_SETLK:
            raise OSError(code, os.strerror(code))
        return original(descriptor, command, argument)

    monkeypatch.setattr(fcntl, "fcntl", refusing)
    found = fault(path)
    assert isinstance(found, ContactError)
    assert found.check == check
    assert str(found).startswith(words)
