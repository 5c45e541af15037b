"""After a failed start that was the node's fault: bring VM universe back when control guests start again.

HTCondor itself brings it back only after a start that succeeds, and then no VM job starts there any more, or when the
startd starts. This runs as a process of its own, one on a node, until guests start again.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Callable
from typing import TextIO

from ..host import Host
from ..installed import BUILD_DOMAIN, RECOVERY, TRY_GUESTS
from ..processes import detach
from .judge import TRIAL_TIMEOUT, reaches

OPTION = "--recover"  # of the program itself
_PAUSE = 20  # seconds between two trials
_LATER_PAUSE = 60  # after the first ones
_FIRST = 30  # trials
_TIMEOUT = 30  # seconds for a command of HTCondor
_ONLINE = "HasVM = true\n"


def start(until: tuple[str, ...] = ()) -> None:
    """Start the process, if none runs. until: what else must be well again, () for nothing.

    That is a uid and a gid, of who must be able to reach EXECUTE, or the path of an image that guests must be able to
    open.
    """
    if os.fork():
        return
    try:
        detach()
        # Without the environment, by which HTCondor would identify it as the job's process, and kill it
        program = [sys.executable, "-IBSXutf8", sys.argv[0], OPTION, *until]
        os.execve(program[0], program, {"PATH": "/usr/sbin:/usr/bin"})
    finally:
        os._exit(1)


def run(host: Host, until: list[str], sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait until the node starts guests, then tell the startd. Ends at once if another process does this.

    until: see start(); also for that other process.
    """
    with open(host.path(RECOVERY), "a+", encoding="utf-8", errors="surrogateescape") as lock:
        os.utime(lock.fileno())  # for a process that is about to end
        if until:
            lock.truncate(0)
            lock.write("\n".join(until))
            lock.flush()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return
        trials = 0
        while True:
            sleep(_PAUSE if trials < _FIRST else _LATER_PAUSE)
            trials += 1
            asked = os.fstat(lock.fileno()).st_mtime_ns
            if _starts_guests(host, _until(lock)) and _tell(host) and os.fstat(lock.fileno()).st_mtime_ns == asked:
                lock.truncate(0)
                return


def _until(lock: TextIO) -> list[str]:
    lock.seek(0)
    return lock.read().splitlines()


def _starts_guests(host: Host, until: list[str]) -> bool:
    """Return whether control guests start, and the user, if there is one, can reach EXECUTE."""
    user = until if len(until) == 2 else []
    image = until if len(until) == 1 else []
    if host.run(BUILD_DOMAIN, TRY_GUESTS, *image, timeout=TRIAL_TIMEOUT).status != 0:
        return False
    if not user:
        return True
    directory = host.run("condor_config_val", "EXECUTE", timeout=_TIMEOUT).output.strip()
    return directory.startswith("/") and reaches(int(user[0]), int(user[1]), str(host.path(directory)))


def _tell(host: Host) -> bool:
    """Tell the startd, if it has taken VM universe away. Returns whether there is nothing left to do."""
    name = host.run("condor_config_val", "FULL_HOSTNAME", timeout=_TIMEOUT).output.strip()
    mine = f"VMOfflineReason =!= undefined && Machine == {json.dumps(name)}"
    offline = host.run("condor_status", "-constraint", mine, "-af", "Name", timeout=_TIMEOUT)
    if not name or offline.status != 0:
        return False  # HTCondor does not run, or not yet
    if not offline.output.strip():
        return True
    return host.start("condor_update_machine_ad", timeout=_TIMEOUT, given=_ONLINE)().status == 0
