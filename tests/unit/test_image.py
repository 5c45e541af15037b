"""Base images: their format comes from their content; what could hand other files to the guest is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage.plugin.image import ImageError, detect_format


@pytest.mark.parametrize("compat", ["0.10", "1.1"])
def test_qcow2_of_both_versions_is_recognised_whatever_its_name(
    tmp_path: Path, qemu_img: Callable[..., str], compat: str
) -> None:
    path = tmp_path / "image.raw"
    qemu_img("create", "-q", "-f", "qcow2", "-o", f"compat={compat}", path, "1M")
    assert detect_format(str(path)) == "qcow2"


@pytest.mark.parametrize("content", [b"\xeb\x3c", b"QFI", b"\0" * 4096])
def test_anything_else_is_raw(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "image.qcow2"
    path.write_bytes(content)
    assert detect_format(str(path)) == "raw"


def test_qcow2_with_a_backing_file_is_refused(tmp_path: Path, base: Path, qemu_img: Callable[..., str]) -> None:
    path = tmp_path / "overlay"
    qemu_img("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, path)
    with pytest.raises(ImageError, match=r"refers to a backing file.*qemu-img convert"):
        detect_format(str(path))


def test_qcow2_with_an_external_data_file_is_refused(tmp_path: Path, qemu_img: Callable[..., str]) -> None:
    path = tmp_path / "image"
    qemu_img("create", "-q", "-f", "qcow2", "-o", f"data_file={tmp_path / 'data'}", path, "1M")
    with pytest.raises(ImageError, match=r"refers to an external data file.*qemu-img convert"):
        detect_format(str(path))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"QFI\xfb\0\0\0\3" + b"\0" * 90, "ends within its qcow2 header"),
        (b"QFI\xfb\0\0\0\1" + b"\0" * 100, "is qcow version 1"),
        (b"QFI\xfb\0\0\0\4" + b"\0" * 100, "is qcow version 4"),
        (b"QFI\xfb", "is qcow version 0"),
    ],
)
def test_damaged_or_unknown_headers_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "image"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=reason):
        detect_format(str(path))


def test_missing_image_is_named_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(
        ImageError, match=r"cannot open image /.*/none: No such file or directory; check .* is mounted on"
    ):
        detect_format(str(tmp_path / "none"))


def test_unreadable_image_names_the_user_who_cannot_read_it(base: Path) -> None:
    base.chmod(0)
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)
    try:
        with pytest.raises(ImageError, match=r"Permission denied; let the job's user \(uid \d+\) read it: chmod o\+r"):
            detect_format(str(base))
    finally:
        if was_root:
            os.seteuid(0)


def test_image_that_qemus_user_could_not_read_is_refused(base: Path) -> None:
    base.chmod(0o640)
    with pytest.raises(ImageError, match=r"is not readable by all, so QEMU could not open it; chmod o\+r /"):
        detect_format(str(base))


def test_fifo_directory_and_device_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, Path("/dev/null")):
        with pytest.raises(ImageError, match="is not a regular file"):
            detect_format(str(path))
