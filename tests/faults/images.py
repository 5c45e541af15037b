"""Images for the fault tests, by the real qemu-img."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make_qcow2(path: Path) -> None:
    """Make an image without data: a disk of 64 MiB."""
    _qemu_img("create", "-q", "-f", "qcow2", path, "64M")


def check_qcow2(path: Path) -> None:
    """Fail unless the image at the path is complete."""
    _qemu_img("check", "-q", "-f", "qcow2", path)


def check_same_disk(raw: Path, qcow2: Path) -> None:
    """Fail unless a guest would see the same in both."""
    _qemu_img("compare", "-q", "-f", "raw", "-F", "qcow2", raw, qcow2)


def pack(raw: Path, qcow2: Path) -> None:
    """Make a qcow2 image with the content of a raw one."""
    _qemu_img("convert", "-f", "raw", "-O", "qcow2", raw, qcow2)


def make_fragmented(path: Path, extents: int) -> None:
    """Make a raw image with as many extents of data, and a hole after each."""
    with path.open("wb") as file:
        for number in range(extents):
            file.seek(number << 20)
            file.write(b"\1" * (64 << 10))
        file.truncate(extents << 20)


def _qemu_img(*arguments: str | Path) -> None:
    subprocess.run(["qemu-img", *arguments], check=True, timeout=30)
