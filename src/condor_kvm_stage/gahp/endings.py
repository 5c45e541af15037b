"""How this process ends, seen from the starter: it takes the end of its pipes for an internal error."""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Callable

_LONGEST_READ = 1 << 16
_GIVEN_UP = 120  # seconds after which a starter that does not go is left
_ANSWERED = 60  # seconds for which it is answered after the end


def abandon() -> None:
    """Let the starter find the end of its pipe: it then ends itself, and the job runs again."""
    null = os.open("/dev/null", os.O_WRONLY)
    os.dup2(null, 1)
    deadline = time.monotonic() + _GIVEN_UP
    waiting = select.poll()
    waiting.register(0, select.POLLIN)
    while time.monotonic() < deadline:
        if waiting.poll(1000) and not os.read(0, _LONGEST_READ):
            break


def leave_stand_in(hear_starter: Callable[[], bool]) -> None:
    """Leave a child that answers until the starter has noticed the end of this process.

    hear_starter: answers what the starter has said; returns whether it may say more.
    """
    if os.fork():
        return
    with contextlib.suppress(BaseException):
        os.setsid()
        deadline = time.monotonic() + _ANSWERED
        while time.monotonic() < deadline:
            if select.select([0], [], [], 1)[0] and not hear_starter():
                break
    os._exit(0)
