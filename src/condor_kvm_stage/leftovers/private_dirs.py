"""Remove the shelters that jobs have left in EXECUTE, with the disks that are in them.

HTCondor removes a shelter with the directory that it lies in, `dir_<pid>`. Where that is the scratch directory itself
(HTCondor 23, or STARTER_NESTED_SCRATCH = False) the shelter lies beside it, and janitor.py removes it; what that could
not, another job's builder does, or the generator, or the startd at its start, which empties EXECUTE.
"""

from __future__ import annotations

import os
import stat

SUFFIX = ".condor-kvm-stage"


def sweep(execute: str) -> list[str]:
    """Remove the shelters in a directory whose job's directory is not there any more. Returns their paths.

    A shelter is a directory `dir_<pid>` + SUFFIX that belongs to this process's user, which is root, and holds only
    plain files and FIFOs. Anything else stays; so does what cannot be removed, until the next time.
    """
    try:
        place = os.open(execute, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        return [f"{execute}/{name}" for name in sorted(os.listdir(place)) if _is_name(name) and _remove(name, place)]
    finally:
        os.close(place)


def _is_name(name: str) -> bool:
    pid = name[len("dir_") : -len(SUFFIX)]
    return name == f"dir_{pid}{SUFFIX}" and pid.isascii() and pid.isdecimal()


def _remove(name: str, place: int) -> bool:
    """Remove a shelter if its job's directory is gone. Returns whether it did.

    That directory is there before the shelter is made, and as long as the job. A later starter can have the same
    process id, but takes far longer from its directory to its shelter than this from its first look to its last step.
    """
    try:
        if _is_there(name[: -len(SUFFIX)], place):
            return False
        shelter = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
        try:
            entries = os.listdir(shelter)
            if os.fstat(shelter).st_uid != os.geteuid() or not all(_is_plain(entry, shelter) for entry in entries):
                return False
            for entry in entries:
                os.unlink(entry, dir_fd=shelter)
        finally:
            os.close(shelter)
        os.rmdir(name, dir_fd=place)
    except OSError:  # another was faster, or the file system is read-only
        return False
    return True


def _is_there(name: str, place: int) -> bool:
    try:
        os.stat(name, dir_fd=place, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _is_plain(name: str, directory: int) -> bool:
    mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
    return stat.S_ISREG(mode) or stat.S_ISFIFO(mode)
