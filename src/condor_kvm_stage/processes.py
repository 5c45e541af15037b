"""Processes: drop privileges, detach from the parent, and know a process again by when it started."""

from __future__ import annotations

import contextlib
import os

from . import proc_stat
from .failures import NodeError


def become_user(uid: int, gid: int) -> None:
    """Drop root's privileges for good: be this user, with this group alone."""
    os.setgroups([gid])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def detach(*kept: int) -> None:
    """Leave the session, and all open files but those that are to be kept; the first three become /dev/null.

    In a child, for the vm-gahp waits for the end of what the builder has open: its output, and pipes of its own. The
    scratch directory would stay in use, too.
    """
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor > 2 and descriptor not in kept:
            with contextlib.suppress(OSError):  # that of the directory itself
                os.close(descriptor)


def start_time(pid: int) -> int:
    """Return when a process started, in clock ticks since the boot. Raises NodeError if there is none.

    Together with its id this names a process for good: ids are used again.
    """
    return int(_fields(pid)[proc_stat.START_TIME])


def parent(pid: int) -> int:
    """Return the id of a process's parent. Raises NodeError if there is no such process."""
    return int(_fields(pid)[proc_stat.PARENT])


def is_alive(pid: int, started: int) -> bool:
    """Return whether the process that started at that time is still there."""
    try:
        return start_time(pid) == started
    except NodeError:
        return False


def _fields(pid: int) -> list[bytes]:
    try:
        return proc_stat.read(pid)
    except OSError as error:
        raise NodeError(f"there is no process {pid}, which is to be HTCondor's") from error
