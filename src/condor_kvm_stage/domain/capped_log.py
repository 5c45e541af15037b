"""Size-limited log: keeps the beginning and the end of what is written to it."""

from __future__ import annotations

import os

_NOTE = b"\n[%d bytes are omitted here (limit: guest.console in the node's policy)]\n"
_ROOM = 128  # bytes for the note


class CappedLog:
    """A log in an open, empty file. Its second half is a ring buffer until finish() puts it into order."""

    def __init__(self, descriptor: int, largest: int) -> None:
        self._file = descriptor
        self._head = largest // 2  # bytes kept from the beginning; largest: 4096 or more
        self._ring = largest - self._head - _ROOM  # bytes kept from the end
        self._written = 0  # bytes so far, including those that were overwritten

    def write(self, data: bytes) -> None:
        """Write all data. Raises OSError."""
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
        """Put the ring buffer into order, after a note of how much is missing. Raises OSError."""
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
