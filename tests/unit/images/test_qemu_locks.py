"""An image that QEMU writes to is known by its locks; one that is read, or whose locks cannot be seen, is left alone.

That no guest starts on what is called written here, and any on the rest, is tested with each QEMU: see tests/e2e.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage.images import qemu_locks
from support import overlays
from support.qemu_writer import qemu_io
from support.staged_disks import write_raw

QemuImg = Callable[..., str]


def is_written(path: Path) -> bool:
    """As the plug-in asks: of a file that it only reads."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return qemu_locks.is_written(descriptor)
    finally:
        os.close(descriptor)


@pytest.fixture(params=["raw", "qcow2"])
def image_format(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def image(tmp_path: Path, qemu_img: QemuImg, image_format: str) -> Path:
    path = tmp_path / "image"
    qemu_img("create", "-q", "-f", image_format, path, "1M")
    return path


def test_image_that_is_open_for_writing_is_written_until_it_is_closed(image: Path, image_format: str) -> None:
    assert not is_written(image)
    with qemu_io("-f", image_format, image):
        assert is_written(image)
        assert is_written(image), "to ask takes no lock, and ends none"
    assert not is_written(image)


def test_image_that_is_open_for_reading_is_not_written(image: Path, image_format: str) -> None:
    with qemu_io("-r", "-f", image_format, image), qemu_io("-r", "-f", image_format, image):
        assert not is_written(image)


def test_image_on_whose_overlays_others_work_is_not_written(tmp_path: Path, image: Path, image_format: str) -> None:
    one, two = (overlays.write(tmp_path / name, image, image_format, 1 << 20) for name in ("one", "two"))
    with qemu_io("-f", "qcow2", one), qemu_io("-f", "qcow2", two):
        assert is_written(one)
        assert is_written(two)
        assert not is_written(image)


def test_who_only_has_the_file_open_is_not_seen(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "image")
    with open(path, "r+b"):
        assert not is_written(path)


@pytest.mark.parametrize(
    ("byte", "written"),
    [
        (0, False),  # libvirt's own
        (100, False),  # consistent read: every reader
        (101, True),  # write
        (103, True),  # resize
        (200, True),  # nobody else may read: a commit is under way
        (201, False),  # nobody else may write: every reader of a qcow2 image
        (203, False),  # nobody else may resize
    ],
)
def test_bytes_that_are_locked_tell_a_writer_from_a_reader(tmp_path: Path, byte: int, written: bool) -> None:
    path = write_raw(tmp_path / "image")
    with open(path, "rb") as file:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, byte, 1, 0))
        assert is_written(path) is written


def test_file_of_which_locks_cannot_be_asked_is_not_written(tmp_path: Path) -> None:
    descriptor = os.open(write_raw(tmp_path / "image"), os.O_PATH)  # for want of a share without locks
    try:
        with pytest.raises(OSError, match="Bad file descriptor"):
            fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, bytes(32))
        assert not qemu_locks.is_written(descriptor)
    finally:
        os.close(descriptor)
