"""Remove the private directories that jobs have left in EXECUTE, with the disks in them.

Normally HTCondor removes a private directory with its parent, `dir_<pid>`. If `dir_<pid>` is the scratch directory
itself (HTCondor 23, or STARTER_NESTED_SCRATCH = False), the private directory is next to it, and janitor.py removes it.
If that fails, another job's janitor does, or the generator, or the startd, which empties EXECUTE when it starts.
"""

from __future__ import annotations

import os
import stat

SUFFIX = ".condor-kvm-stage"


def sweep(execute: str) -> list[str]:
    """Remove the private directories in `execute` whose scratch directory no longer exists. Returns their paths.

    A private directory is a directory `dir_<pid>` + SUFFIX that belongs to this process's user (root) and contains only
    regular files, FIFOs and sockets. Others are left alone. What cannot be removed is tried again next time.
    """
    try:
        parent = os.open(execute, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        return [f"{execute}/{name}" for name in sorted(os.listdir(parent)) if _is_name(name) and _remove(name, parent)]
    finally:
        os.close(parent)


def _is_name(name: str) -> bool:
    pid = name[len("dir_") : -len(SUFFIX)]
    return name == f"dir_{pid}{SUFFIX}" and pid.isascii() and pid.isdecimal()


def _remove(name: str, parent: int) -> bool:
    """Remove a private directory if its scratch directory is gone. Returns whether it did.

    The scratch directory is created before the private directory, and exists as long as the job. A later starter can
    have the same process id, but takes much longer to create its private directory than this function takes.
    """
    try:
        if _exists(name[: -len(SUFFIX)], parent):
            return False
        directory = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            entries = os.listdir(directory)
            if os.fstat(directory).st_uid != os.geteuid() or not all(_is_plain(entry, directory) for entry in entries):
                return False
            for entry in entries:
                os.unlink(entry, dir_fd=directory)
        finally:
            os.close(directory)
        os.rmdir(name, dir_fd=parent)
    except OSError:  # another process was faster, or the file system is read-only
        return False
    return True


def _exists(name: str, parent: int) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _is_plain(name: str, directory: int) -> bool:
    mode = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
    return stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
