"""Processes that tests start, and those that these start: which of them run, and to wait for what they do."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

NOBODY = 65534  # the user who plays the job's


def runs(pid: int) -> bool:
    """Whether a process has not ended, with all its threads: the first one is a zombie while another one hangs."""
    return _session(pid) is not None


def of_session(session: int) -> list[int]:
    """Return the processes of a session that run."""
    return [int(entry) for entry in os.listdir("/proc") if entry.isdecimal() and _session(int(entry)) == session]


def children() -> list[int]:
    """Return this process's children, those that have ended and were not waited for included."""
    lists = Path("/proc/self/task").glob("*/children")
    return [int(pid) for each in lists for pid in each.read_text(encoding="ascii").split()]


def reaped(known: set[int]) -> list[int]:
    """Wait for the children that have ended, but for those that are known. Returns those that still run."""
    left = []
    for pid in set(children()) - known:
        try:
            if os.waitpid(pid, os.WNOHANG) == (0, 0):
                left.append(pid)
        except ChildProcessError:  # another thread was faster
            continue
    return left


def described(known: set[int]) -> list[str]:
    """Return the command lines of the children but for those that are known."""
    commands = []
    for pid in set(children()) - known:
        try:
            commands.append(Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " "))
        except OSError:
            continue
    return commands


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)


def _session(pid: int) -> int | None:
    """Return the session of a process that runs, None for one that does not (proc_pid_stat(5))."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        threads = len(os.listdir(f"/proc/{pid}/task"))
    except (FileNotFoundError, ProcessLookupError):
        return None  # has ended just now
    # pid (name) state parent group session …
    state, _, _, session = stat.rpartition(")")[2].split()[:4]
    return int(session) if state not in "ZX" or threads > 1 else None
