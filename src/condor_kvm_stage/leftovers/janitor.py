"""A process that waits for a job's starter to end, then removes the job's private directory and orphaned guests.

It is needed where HTCondor does not remove the private directory (see private_dirs.py). Such an HTCondor does not end
the guest of a killed starter either. If the job restarts on the node, that guest still has its name, the new one does
not start, and HTCondor disables VM universe on the node.
"""

from __future__ import annotations

import os
import sys
import time

from ..processes import detach, is_alive
from .private_dirs import sweep

OPTION = "--sweep"  # of the program itself
_PAUSE = 2  # seconds; the starter removes the scratch directory just before it ends


def start(scratch: str, starter: int, started: int) -> None:
    """Start the janitor if the scratch directory is in EXECUTE itself; else HTCondor removes its parent directory."""
    execute, name = os.path.split(scratch)
    if name != f"dir_{starter}" or os.fork():
        return
    try:
        detach()
        # Without the environment, by which HTCondor would identify it as the job's process, and kill it too early
        program = [sys.executable, "-IBS", sys.argv[0], OPTION, execute, str(starter), str(started)]
        os.execve(program[0], program, {})
    finally:
        os._exit(1)


def wait_and_sweep(execute: str, starter: int, started: int) -> None:
    """Wait until the starter has ended, then remove what its job and others have left."""
    while is_alive(starter, started):
        time.sleep(_PAUSE)
    from .. import host  # not needed by the builder, which a job waits for
    from . import remove

    for _ in remove.destroy_orphans(host.Host()):
        pass
    sweep(execute)
