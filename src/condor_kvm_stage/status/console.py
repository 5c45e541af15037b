"""The last lines that guests have printed on their consoles: what a user controls, made fit for a terminal.

console.log is the job's user's, and so is what it may be replaced by: a symlink, a FIFO, another user's file by a link,
a mount of his own file system, which can hang. So it is read in a child that can be abandoned.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .. import scratch_files
from ..errors import KvmStageError
from ..job import CONSOLE
from ..share.watchdog import Watchdog
from ..text import printable, to_text

if TYPE_CHECKING:
    from ..share.child import Action, Heartbeat

_END = 4096  # bytes that are looked at
_LONGEST = 400  # characters of a line
_TIMEOUT = 1.0  # seconds for one console
_ALL = 3.0  # seconds for all of them, once one has not answered
# A console of the length that policy allows has its latest line somewhere in the middle (CappedLog)
_ROOM = 1024
# Control sequences, strings, and other escapes of ECMA-48
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])|\x9b[0-?]*[ -/]*[@-~]"
)
_BREAKS = re.compile("[\r\n]+")


def last_lines(guests: Iterable[tuple[str, int | None]], largest: int, program: str) -> list[str]:
    """Return the last line of each guest's console, "" if it has none or that is not known.

    guests: their scratch directories and users. largest: the policy's guest.console. program: see Watchdog.
    """
    found = []
    give_up = float("inf")
    with Watchdog(lambda: _prepare(largest - _ROOM), program) as watchdog:
        for scratch, user in guests:
            line = ""
            if user is not None and time.monotonic() < give_up:
                try:
                    line = last_line(watchdog.call((f"{scratch}/{CONSOLE}", user), "read a console") or b"")
                except KvmStageError:
                    give_up = min(give_up, time.monotonic() + _ALL)
            found.append(line)
    return found


def last_line(data: bytes) -> str:
    """Return the last line with something in it, printable and not too long, "" if there is none."""
    lines = [line.strip() for line in _BREAKS.split(_ESCAPES.sub("", to_text(data)))]
    return printable(next((line for line in reversed(lines) if line), "")[:_LONGEST])[:_LONGEST]


def _prepare(longest: int) -> tuple[Action, float]:
    def read(path: str, user: int, heartbeat: Heartbeat) -> bytes | None:
        return scratch_files.read_end(path, _END, user, longest)

    return read, _TIMEOUT
