"""What a process of the builder's gives up: root's rights, or what it shares with the program that began it."""

from __future__ import annotations

import contextlib
import os

from .domain.job import Surroundings


def become_user(where: Surroundings) -> None:
    """Be the job's user for good, in his own group alone."""
    os.setgroups([where.gid])
    os.setresgid(where.gid, where.gid, where.gid)
    os.setresuid(where.uid, where.uid, where.uid)


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
