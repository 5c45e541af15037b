"""A file that keeps the beginning and the end of what is written to it, and no more than so many bytes."""

from __future__ import annotations

import os

_NOTE = b"\n[%d bytes are left out here: guest.console in the node's policy is the most that is kept]\n"
_ROOM = 128  # bytes for the note


class CappedFile:
    """An open, empty file. largest: bytes, 4096 or more. finish() puts the end into order; until then it is a ring."""

    def __init__(self, descriptor: int, largest: int) -> None:
        self._file = descriptor
        self._head = largest // 2
        self._ring = largest - self._head - _ROOM
        self._written = 0

    def write(self, data: bytes) -> None:
        """Write all of it. Raises OSError."""
        while data:
            if self._written < self._head:
                at, room = self._written, self._head - self._written
            else:
                offset = (self._written - self._head) % self._ring
                at, room = self._head + offset, self._ring - offset
            done = os.pwrite(self._file, data[:room], at)
            self._written += done
            data = data[done:]

    def finish(self) -> None:
        """Put the end behind the beginning, with a note of what is missing between. Raises OSError."""
        missing = self._written - self._head - self._ring
        if missing <= 0:
            return
        oldest = missing % self._ring
        ring = os.pread(self._file, self._ring, self._head)
        note = _NOTE % missing
        end = note + ring[oldest:] + ring[:oldest]
        at = self._head
        while end:
            done = os.pwrite(self._file, end, at)
            at, end = at + done, end[done:]
