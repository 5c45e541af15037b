"""Write a small file: complete or not at all, and only if that changes something."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import KvmStageError, root_hint

# Whatever the caller's umask: HTCondor's tools refuse to work with a file that the user condor cannot read
_MODE = 0o644


class WriteError(KvmStageError):
    """The file cannot be written."""


def write(path: Path, data: bytes) -> bool:
    """Make the file at path have this content, in its directory, which must exist. Returns whether anything changed.

    The new content is written to a dot-file beside it, because HTCondor reads every other file of its configuration
    directory, and then renamed. Raises WriteError; nothing is changed then.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        same = path.exists() and path.read_bytes() == data
        if same and path.stat().st_mode & 0o777 == _MODE:
            return False
        temporary.unlink(missing_ok=True)  # left by one of the same pid that was killed
        try:
            with open(temporary, "xb") as file:
                os.fchmod(file.fileno(), _MODE)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(f"cannot write {path}: {error.strerror}{root_hint(error)}") from error
    return True
