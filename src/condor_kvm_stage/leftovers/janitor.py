"""Where HTCondor does not remove the shelter: a process that does so when the job's starter has ended.

Such an HTCondor does not end the guest either, if its starter was killed; and a guest that is left costs the node its
VM universe, when the job comes back and its machine finds its name taken.
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
    """Begin to wait, if the scratch directory lies in EXECUTE itself; else it goes with the directory above it."""
    execute, name = os.path.split(scratch)
    if name != f"dir_{starter}" or os.fork():
        return
    try:
        detach()
        # By what is in the environment HTCondor would know it as the job's, and kill it too early
        program = [sys.executable, "-IBS", sys.argv[0], OPTION, execute, str(starter), str(started)]
        os.execve(program[0], program, {})
    finally:
        os._exit(1)


def wait_and_sweep(execute: str, starter: int, started: int) -> None:
    """Wait until the starter has ended, then remove what is left of its job, and of others."""
    while is_alive(starter, started):
        time.sleep(_PAUSE)
    from .. import host  # not for the builder itself, which a job waits for
    from . import remove

    for _ in remove.destroy_orphans(host.Host()):
        pass
    sweep(execute)
