"""The files that a job has brought: each disk must be one of them, and belong to the job's user alone."""

from __future__ import annotations

import os
import stat

from ..failures import AuthorizationError, SpecificationError
from ..job import Job
from ..text import printable


def in_scratch(job: Job, name: str) -> str:
    """Return the path of a file in the scratch directory. Raises StageError if it is not the job's own."""
    path = f"{job.scratch}/{name}"
    try:
        check_own(os.lstat(path), job, name)
    except OSError as error:
        raise missing(error, job.scratch, name) from error
    return path


def check_own(status: os.stat_result, job: Job, name: str) -> None:
    """Raise StageError if a file in the scratch directory is not the job's own: libvirt labels it, as root.

    status: from lstat.
    """
    shown = f"disk {printable(name)}"
    if stat.S_ISLNK(status.st_mode):
        raise SpecificationError(f"{shown} is a symlink; let the job bring the file itself", check="file_type")
    if not stat.S_ISREG(status.st_mode):
        raise SpecificationError(f"{shown} is not a regular file; name an image file", check="file_type")
    if status.st_uid != job.uid:
        raise AuthorizationError(
            f"{shown} belongs to another user (uid {status.st_uid}); let the job bring its own file", check="owner"
        )
    if status.st_nlink != 1:
        raise AuthorizationError(
            f"{shown} has {status.st_nlink} names (hard links), so others would see what the guest writes; let the job "
            "bring a copy",
            check="owner",
        )


def missing(error: OSError, scratch: str, name: str) -> SpecificationError:
    """Return the failure for a disk that is not in the scratch directory."""
    from . import brought  # for this failure only

    return SpecificationError(
        f"there is no disk {printable(name)} in the scratch directory ({error.strerror}); {brought.show(scratch, name)}"
        "; name in vm_disk what transfer_input_files brings, for nfs:// the name after the last colon",
        code=error.errno or 0,
    )
