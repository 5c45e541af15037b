"""Cases of files whatever is in them: of which type and how large they are, who may read them."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

from .builder import MIB, qcow2
from .case import NOT_GUARDED, Case, holding, put


def make_fifo(path: Path) -> Path:
    os.mkfifo(path, 0o644)
    return path


def make_directory(path: Path) -> Path:
    path.mkdir()
    path.chmod(0o755)
    return path


def make_socket(path: Path) -> Path:
    here = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{here}/{path.name}")  # a socket's own path may have 107 bytes only
    finally:
        os.close(here)
    return path


def _sparse(length: int) -> Callable[[Path], Path]:
    def build(directory: Path) -> Path:
        image = put(directory / "image", b"")
        os.truncate(image, length)
        return image

    return build


def _with_mode(mode: int) -> Callable[[Path], Path]:
    def build(directory: Path) -> Path:
        image = put(directory / "image", qcow2())
        image.chmod(mode)
        return image

    return build


def _behind(mode: int) -> Callable[[Path], Path]:
    """Make an image in a directory of that mode."""

    def build(directory: Path) -> Path:
        image = put(directory / "private/image", qcow2())
        image.parent.chmod(mode)
        return image

    return build


def _symlink_loop(directory: Path) -> Path:
    (directory / "image").symlink_to("other")
    (directory / "other").symlink_to("image")
    return directory / "image"


def _below_a_file(directory: Path) -> Path:
    return put(directory / "file") / "image"


CASES = [
    Case("file_empty", "empty", holding(b"")),
    Case("file_is_a_fifo", "file_type", lambda directory: make_fifo(directory / "image")),
    Case("file_is_a_socket", "file_type", lambda directory: make_socket(directory / "image")),
    Case("file_is_a_directory", "file_type", lambda directory: make_directory(directory / "image")),
    Case("file_is_a_device", "file_type", lambda directory: Path("/dev/zero")),
    Case("file_is_missing", "", lambda directory: directory / "image", code=errno.ENOENT),
    Case("file_below_a_file", "", _below_a_file, code=errno.ENOTDIR),
    Case("file_name_too_long", "", lambda directory: directory / ("x" * 256), code=errno.ENAMETOOLONG),
    Case("file_is_a_symlink_loop", "", _symlink_loop, code=errno.ELOOP),
    Case("file_of_8_eib", "virtual_size", _sparse(2**63 - 1), sparse=True),
    Case("file_above_the_default", "virtual_size", _sparse((16 << 40) + 1), sparse=True),
    Case("file_above_the_policy", "virtual_size", holding(bytes(MIB + 1)), '[staging]\nvirtual_size = "1M"\n'),
    Case("file_not_readable_by_all", "readable", _with_mode(0o640), NOT_GUARDED),
    Case("file_not_readable_by_anybody", "readable", _with_mode(0), NOT_GUARDED),
    Case("directory_not_searchable_by_all", "searchable", _behind(0o750), NOT_GUARDED),
    Case("directory_not_searchable_by_anybody", "searchable", _behind(0), NOT_GUARDED),
]
