"""Read files of a scratch directory, which the job's user can replace at any time."""

from __future__ import annotations

import os
import stat

# O_NONBLOCK: it may be a FIFO by now
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read(path: str, most: int, directory: int | None = None) -> bytes:
    """Return the first bytes of a regular file, at most so many, b"" if there is no such file.

    directory: the descriptor of the directory that a relative path refers to.
    """
    try:
        file = os.open(path, _READ, dir_fd=directory)
        try:
            return os.read(file, most) if stat.S_ISREG(os.fstat(file).st_mode) else b""
        finally:
            os.close(file)
    except OSError:
        return b""


def read_end(path: str, most: int, owner: int, longest: int) -> bytes | None:
    """Return the last bytes of a regular file, at most so many.

    None if there is no such file, if it is not the owner's (it could be a link to another's), or if it has `longest`
    bytes or more.
    """
    try:
        file = os.open(path, _READ)
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != owner or status.st_size >= longest:
                return None
            return os.pread(file, most, max(0, status.st_size - most))
        finally:
            os.close(file)
    except OSError:
        return None
