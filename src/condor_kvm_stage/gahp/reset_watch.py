"""Notice that a guest resets over and over: its kernel crashes at once, or it has no disk to boot from."""

from __future__ import annotations

import os
import subprocess
import time
from collections import deque

MOST, WITHIN = 4, 90  # resets, in so many seconds: a guest that sets itself up resets once or twice
TEXT = (
    f"the guest has reset {MOST} times within {WITHIN} s: its disk has no boot loader, or its kernel crashes at once; "
    "see console.log"
)


class ResetWatch:
    """A program that prints a line for each reset of a guest. It ends with the guest's domain, or by stop()."""

    def __init__(self, command: list[str]) -> None:
        """Start it. Raises OSError."""
        self._times: deque[float] = deque(maxlen=MOST)
        # A terminal, because into a pipe it would write nothing until it has written a lot
        self.output, terminal = os.openpty()
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=subprocess.DEVNULL,
                env={"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C.UTF-8"},
            )
        finally:
            os.close(terminal)

    @property
    def is_looping(self) -> bool:
        """Whether the guest resets over and over."""
        return len(self._times) == MOST and self._times[-1] - self._times[0] <= WITHIN

    def read(self) -> bool:
        """Take note of what the program has printed. Returns False if it has ended."""
        try:
            data = os.read(self.output, 4096)
        except OSError:  # EIO
            return False
        self._times.extend(time.monotonic() for _ in range(data.count(b"\n")))
        return bool(data)

    def stop(self) -> None:
        """End it, and forget what it has said. Its output still has an end to read."""
        self._process.kill()
        self._process.wait()
        self._times.clear()
