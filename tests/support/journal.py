"""A journal for tests: the socket that entries are sent to, and what has arrived there."""

from __future__ import annotations

import socket
from pathlib import Path

Entry = dict[bytes, bytes]


class Journal:
    """A socket in the place of journald's."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))
        path.chmod(0o666)

    def close(self) -> None:
        self._socket.close()

    def entries(self) -> list[Entry]:
        """Return what has arrived since the last call."""
        found = []
        while True:
            try:
                found.append(fields(self._socket.recv(1 << 20)))
            except BlockingIOError:
                return found


def fields(datagram: bytes) -> Entry:
    """Parse an entry as systemd's "Native Journal Protocol" describes it. Fails if it is not valid."""
    found: Entry = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(rest[:8], "little")
            value, rest = rest[8 : 8 + length], rest[8 + length :]
            assert len(value) == length
            assert rest[:1] == b"\n"
            rest = rest[1:]
        assert name not in found
        assert name.replace(b"_", b"").isalnum()
        assert name.isupper()
        found[name] = value
        datagram = rest
    return found
