"""Write a small file atomically, and only if its content or mode changes."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import KvmStageError, root_hint

# Regardless of the caller's umask: HTCondor's tools refuse to work with a file that the user condor cannot read
_MODE = 0o644


class WriteError(KvmStageError):
    """The file cannot be written."""


def write(path: Path, data: bytes) -> bool:
    """Replace the content of the file at path; its directory must exist. Returns whether anything changed.

    The new content goes to a dot-file in the same directory, which is then renamed: HTCondor reads every other file in
    its configuration directory. Raises WriteError; the file is then unchanged.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        same = path.exists() and path.read_bytes() == data
        if same and path.stat().st_mode & 0o777 == _MODE:
            return False
        temporary.unlink(missing_ok=True)  # left by a process with the same id that was killed
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
