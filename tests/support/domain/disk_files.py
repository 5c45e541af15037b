"""What can lie in a scratch directory under the name of a disk, and what must be as it was whatever a job brings."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from support.processes import NOBODY


def put(path: Path, content: bytes = b"\xeb\xfe" + b"\0" * 1022, owner: int = NOBODY) -> Path:
    """Write a file of the job's user, or of another; where root does not run the tests, they are one."""
    path.write_bytes(content)
    path.chmod(0o644)
    if os.geteuid() == 0:
        os.chown(path, owner, owner)
    return path


@dataclass(frozen=True)
class Findings:
    """A file as it was at a time."""

    owner: tuple[int, int]
    mode: int
    content: bytes
    changed: int


def see(path: Path) -> Findings:
    status = path.stat()
    return Findings((status.st_uid, status.st_gid), status.st_mode, path.read_bytes(), status.st_mtime_ns)


def _socket(path: Path, victim: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


# Each makes something at the path that is no disk of the job's; the second file is another user's
HOSTILE: dict[str, Callable[[Path, Path], object]] = {
    "symlink": lambda path, victim: path.symlink_to(victim),
    "dangling symlink": lambda path, victim: path.symlink_to(path.parent / "none"),
    "symlink to a file of the job's own": lambda path, victim: path.symlink_to(put(path.parent / "other")),
    "hard link": lambda path, victim: os.link(victim, path),
    "hard link to a file of the job's own": lambda path, victim: os.link(put(path.parent / "other"), path),
    "file of another user": lambda path, victim: put(path, owner=0),
    "FIFO": lambda path, victim: os.mkfifo(path),
    "directory": lambda path, victim: path.mkdir(),
    "socket": _socket,
    "device": lambda path, victim: os.mknod(path, 0o020666, os.makedev(1, 5)),
    "missing": lambda path, victim: None,
}
