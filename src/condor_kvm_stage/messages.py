"""What the generator says while it works, and how much it matters: printed, or with levels for systemd's journal."""

from __future__ import annotations

import contextlib
import os
from typing import NamedTuple, TextIO

from .text import printable

# syslog(3): what the journal keeps with a line, and gives back
ERROR, NOTICE, INFO = 3, 5, 6


class Message(NamedTuple):
    """A line. level: NOTICE for what an administrator should know or do, INFO for what went as it should."""

    text: str
    level: int = INFO


def write(line: Message, stream: TextIO) -> None:
    """Print a line at once; with its level before it where the journal reads it (sd-daemon(3))."""
    level = f"<{line.level}>" if _is_journal(stream) else ""
    print(f"{level}{printable(line.text)}", file=stream, flush=True)


def _is_journal(stream: TextIO) -> bool:
    """systemd names the file that the journal reads in JOURNAL_STREAM (systemd.exec(5)); a shell may pass it on."""
    with contextlib.suppress(OSError):  # no file at all
        status = os.fstat(stream.fileno())
        return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
    return False
