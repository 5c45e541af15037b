"""The answer of a child that has become the job's user and goes on by itself: whether it could begin.

The user's other processes can stop the child; the builder, which is root's, must not wait for it then.
"""

from __future__ import annotations

import os
import select
import signal
import time

from ..text import to_text

TIMEOUT = 30  # seconds


def read(reader: int, child: int) -> str:
    """Return why the child could not begin, "" if it could. reader: a pipe, which it then closes. Closes it, too.

    child: its process id. A child that does not answer is killed.
    """
    said, deadline = b"", time.monotonic() + TIMEOUT
    try:
        while select.select([reader], [], [], max(0.0, deadline - time.monotonic()))[0]:
            data = os.read(reader, 1 << 12)
            if not data:
                return to_text(said)
            said += data
    finally:
        os.close(reader)
    os.kill(child, signal.SIGKILL)
    return (
        f"the process for it did not answer within {TIMEOUT} s; another process of the job's user may have stopped it"
    )
