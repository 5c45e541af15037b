"""The answer of a child that has become the job's user and goes on by itself: whether it could begin.

The user's other processes can stop the child, or end it; the builder, which is root's, must not wait for it then, nor
take it for one that has begun.
"""

from __future__ import annotations

import os
import select
import signal
import time

from ..text import to_text

TIMEOUT = 30  # seconds
_BEGUN = b"begun"
_ENDED = "the process for it has ended; another process of the job's user may have ended it"


def has_begun(answer: int) -> None:
    """Say, in the child, that it has begun. answer: the pipe. Closes it."""
    os.write(answer, _BEGUN)
    os.close(answer)


def read(reader: int, child: int) -> str:
    """Return why the child could not begin, "" if it has begun. reader: of the pipe; is closed.

    child: its process id. A child that does not answer is killed.
    """
    said, deadline = b"", time.monotonic() + TIMEOUT
    try:
        while select.select([reader], [], [], max(0.0, deadline - time.monotonic()))[0]:
            data = os.read(reader, 1 << 12)
            if not data:
                return "" if said == _BEGUN else to_text(said) or _ENDED
            said += data
    finally:
        os.close(reader)
    os.kill(child, signal.SIGKILL)
    return (
        f"the process for it did not answer within {TIMEOUT} s; another process of the job's user may have stopped it"
    )
