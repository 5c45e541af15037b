"""Notice that a guest resets over and over: its kernel crashes at once, or it has no disk to boot from.

If its disk cannot be read, because the share of its image does not answer, a guest resets, too.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections import deque

MOST, WITHIN = 4, 90  # resets, in so many seconds: a guest that sets itself up resets once or twice
_TEXT = f"the guest has reset {MOST} times within {WITHIN} s: "
CRASHES = f"{_TEXT}its disk has no boot loader, or its kernel crashes at once; see console.log"
UNREADABLE = (
    f"{_TEXT}its disk has I/O errors; does the share of its image answer? If so, the image may be damaged (qemu-img "
    "check)"
)
# As `virsh event` prints them
_RESET, _ERROR = b"event 'reboot' for ", b"event 'io-error' for "


class ResetWatch:
    """A program that prints a line for each event of a guest. It ends with the guest's domain, or by stop()."""

    def __init__(self, command: list[str]) -> None:
        """Start it. Raises OSError."""
        self._times: deque[float] = deque(maxlen=MOST)
        self._last_error: float | None = None  # when its disk had one
        self._rest = b""  # the beginning of a line
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

    @property
    def text(self) -> str:
        """Why it does so."""
        is_unreadable = self._last_error is not None and self._last_error >= self._times[-1] - WITHIN
        return UNREADABLE if is_unreadable else CRASHES

    def read(self) -> bool:
        """Take note of what the program has printed. Returns False if it has ended."""
        try:
            data = os.read(self.output, 4096)
        except OSError:  # EIO
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(_RESET):
                self._times.append(time.monotonic())
            elif line.startswith(_ERROR):
                self._last_error = time.monotonic()
        return bool(data)

    def stop(self) -> None:
        """End it, and forget what it has said. Its output still has an end to read."""
        self._process.kill()
        self._process.wait()
        self._times.clear()
