"""Drop privileges, detach from the parent, and identify a process by its start time."""

from __future__ import annotations

import contextlib
import os
import pwd

from . import proc_stat
from .failures import NodeError


def groups_of(uid: int, gid: int) -> list[int]:
    """Return a user's groups as libvirt finds them for a guest (virGetGroupList() in its src/util/virutil.c).

    gid: for a user without a passwd entry.
    """
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return [gid]
    return os.getgrouplist(entry.pw_name, entry.pw_gid)


def user_name(uid: int) -> str:
    """Return a user's name, or the number if it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def become_user(uid: int, gid: int, *, others: bool = True) -> None:
    """Drop root's privileges permanently: become this user, with this group, and with others=True all that he has."""
    os.setgroups(sorted({gid, *groups_of(uid, gid)}) if others else [])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def take_rights_of(uid: int, gid: int) -> None:
    """Have this user's rights to files, and no other. For signals the process stays root's: the user cannot end it."""
    os.setgroups(sorted({gid, *groups_of(uid, gid)}))
    os.setresgid(-1, gid, -1)
    os.setresuid(-1, uid, -1)


def detach(*kept: int) -> None:
    """Start a new session and close all files except `kept`; stdin, stdout and stderr become /dev/null.

    For a child that outlives the builder: the vm-gahp waits until the pipes that the builder inherited are closed, and
    an open scratch directory would stay in use.
    """
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor > 2 and descriptor not in kept:
            with contextlib.suppress(OSError):  # the descriptor of the directory itself
                os.close(descriptor)


def start_time(pid: int) -> int:
    """Return when a process started, in clock ticks since boot. Raises NodeError if there is no such process.

    The process id and the start time together identify a process; ids alone are reused.
    """
    return int(_fields(pid)[proc_stat.START_TIME])


def parent(pid: int) -> int:
    """Return the id of a process's parent. Raises NodeError if there is no such process."""
    return int(_fields(pid)[proc_stat.PARENT])


def is_alive(pid: int, started: int) -> bool:
    """Return whether the process with this id and start time still exists."""
    try:
        return start_time(pid) == started
    except NodeError:
        return False


def _fields(pid: int) -> list[bytes]:
    try:
        return proc_stat.read(pid)
    except OSError as error:
        raise NodeError(f"there is no process {pid}, which should be one of HTCondor's") from error
