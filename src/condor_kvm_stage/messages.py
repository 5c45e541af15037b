"""Messages that the generator prints while it works, with levels for systemd's journal."""

from __future__ import annotations

import contextlib
import os
from typing import NamedTuple, TextIO

from .text import printable

# Levels of syslog(3), which the journal stores with each line
ERROR, NOTICE, INFO = 3, 5, 6


class Message(NamedTuple):
    """A line for the administrator."""

    text: str
    level: int = INFO  # NOTICE for what an administrator should know or do, INFO for what went as expected


def write(line: Message, stream: TextIO) -> None:
    """Print a line and flush it; with its level in front if the journal reads it (sd-daemon(3))."""
    level = f"<{line.level}>" if _is_journal(stream) else ""
    print(f"{level}{printable(line.text)}", file=stream, flush=True)


def _is_journal(stream: TextIO) -> bool:
    """Return whether a stream goes to the journal: JOURNAL_STREAM names that file (systemd.exec(5))."""
    with contextlib.suppress(OSError):  # the stream is not a file
        status = os.fstat(stream.fileno())
        return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
    return False
