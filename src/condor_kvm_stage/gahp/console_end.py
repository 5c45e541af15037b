"""Whether all that the guest has printed is in console.log, and its last lines in the job's ad."""

from __future__ import annotations

import fcntl
import os

from ..job import CONSOLE_PIPE, Job
from ..leftovers.private_dirs import SUFFIX


def is_told(job: Job) -> bool:
    """Return whether nobody keeps the console any more, or there is nothing to keep: see CONSOLE_PIPE.

    The directory is root's; the scratch directory, which could hang, is not looked at.
    """
    path = f"{job.scratch}{SUFFIX}/{CONSOLE_PIPE}.out"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return True  # HTCondor's own script has made the guest
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
