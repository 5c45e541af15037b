"""HTCondor destroys guests by their names. Two access points may have jobs, and so guests, of the same name."""

from __future__ import annotations

import os

from .. import processes
from ..leftovers import guest_status

_MATCH = "match"


def may_kill(arguments: list[str]) -> bool:
    """Return whether the guest that HTCondor wants destroyed is the caller's to destroy.

    A starter may destroy its own guest. The startd destroys that of a starter that has ended.
    """
    name = arguments[arguments.index(_MATCH) + 1] if _MATCH in arguments[:-1] else ""
    if not name or "/" in name or not os.path.isdir(guest_status.DIRECTORY):
        return True
    if not guest_status.exists(name):
        return False  # there is none
    guest = guest_status.of_name(name)
    if not guest or guest.job.starter == os.getppid():
        return True
    return not processes.is_alive(guest.job.starter, guest.job.started)
