"""The guest's terminal, its first virtio console: relayed between two FIFOs of QEMU's and a UNIX socket of the user's.

QEMU itself could listen on a socket. But a guest's kernel spins while nobody takes what it writes to such a console,
and libvirt would make the socket, for which a path may be too long, or SELinux' rules missing. Here what is printed is
always read, and the FIFOs are like those of the console.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Sequence

from ..job import TERMINAL, TERMINAL_PIPE
from .private_dir import PrivateDir

_BACKLOG = 4096  # bytes that were printed last, for whoever connects
_MOST = 1 << 16  # bytes that wait for the client
_CHUNK = 4096
_PATIENCE = 10  # seconds that a client may take to read, for so long the guest waits for it


class Terminal:
    """A terminal that one client at a time can use: the last one that has connected."""

    def __init__(self, directory: PrivateDir) -> None:
        """Make FIFOs and socket. Raises OSError."""
        self._listening = directory.listen(TERMINAL, directory.job.uid, directory.job.gid, 0o600)
        # For reading and writing, so that it does not matter when QEMU opens them
        flags = os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC
        self._to_guest = os.open(directory.make_fifo(f"{TERMINAL_PIPE}.in"), flags)
        self._from_guest = os.open(directory.make_fifo(f"{TERMINAL_PIPE}.out"), flags)
        self._client: socket.socket | None = None
        self._typed = b""  # for the guest
        self._printed = b""  # for the client
        self._last = b""  # what was printed last
        self._deadline = 0.0  # until when the client must have read something

    @property
    def descriptors(self) -> Sequence[int]:
        """All that is open as long as nobody has connected."""
        return self._listening.fileno(), self._to_guest, self._from_guest

    def close(self) -> None:
        """Close all of these."""
        self._listening.close()
        os.close(self._to_guest)
        os.close(self._from_guest)

    def register(self, poll: select.poll) -> None:
        """Say what is waited for."""
        poll.register(self._listening, select.POLLIN)
        if len(self._printed) < _MOST:
            poll.register(self._from_guest, select.POLLIN)
        if self._typed:
            poll.register(self._to_guest, select.POLLOUT)
        if self._client:
            wanted = (0 if self._typed else select.POLLIN) | (select.POLLOUT if self._printed else 0)
            poll.register(self._client, wanted)

    def handle(self, events: dict[int, int]) -> None:
        """Do what has become possible. events: of poll(), by descriptor."""
        if self._from_guest in events:
            self._read_guest()
        if self._client and self._client.fileno() in events:
            self._hear_client(events[self._client.fileno()])
        if self._typed:
            self._write_guest()
        if self._client and self._printed and time.monotonic() > self._deadline:
            self._disconnect()
        if self._listening.fileno() in events:
            self._accept()

    def _read_guest(self) -> None:
        try:
            data = os.read(self._from_guest, _CHUNK)
        except BlockingIOError:  # another process of the user's was faster
            return
        self._last = (self._last + data)[-_BACKLOG:]
        if self._client:
            self._say(data)

    def _write_guest(self) -> None:
        with contextlib.suppress(BlockingIOError):  # the guest does not read
            self._typed = self._typed[os.write(self._to_guest, self._typed) :]

    def _accept(self) -> None:
        try:
            client = self._listening.accept()[0]
        except OSError:  # it has gone already
            return
        client.setblocking(False)
        self._disconnect()
        self._client = client
        self._say(self._last)

    def _say(self, data: bytes) -> None:
        if not self._printed:
            self._deadline = time.monotonic() + _PATIENCE
        self._printed += data

    def _hear_client(self, event: int) -> None:
        assert self._client
        try:
            if event & select.POLLOUT:
                self._printed = self._printed[self._client.send(self._printed) :]
                self._deadline = time.monotonic() + _PATIENCE
            if event & (select.POLLIN | select.POLLHUP | select.POLLERR) and not self._typed:
                self._typed = self._client.recv(_CHUNK)
                if not self._typed:
                    self._disconnect()
            elif event & (select.POLLHUP | select.POLLERR):
                self._disconnect()
        except BlockingIOError:
            pass
        except OSError:
            self._disconnect()

    def _disconnect(self) -> None:
        """Disconnect the client, if there is one."""
        if self._client:
            self._client.close()
        self._client = None
        self._typed = self._printed = b""
