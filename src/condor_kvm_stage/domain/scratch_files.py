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
