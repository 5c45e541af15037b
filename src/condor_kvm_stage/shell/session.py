"""Pass on what is typed and what the guest prints, until either side ends."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import termios
import tty
from collections.abc import Iterator

LEAVE = b"\x1d"  # Ctrl-], as for telnet and virsh console
_CHUNK = 4096
# Seconds for which is listened after the end of the input, if it is no terminal: the answer to what was typed last
_LINGER = 5.0


def run(connection: socket.socket, source: int, target: int) -> bool:
    """Relay between the connection and two descriptors, which may be a terminal's.

    Returns True if the user has left, False if the guest's side has ended.
    """
    with _raw(source):
        typing = True
        while True:
            waited = [connection.fileno(), *([source] if typing else [])]
            ready = select.select(waited, [], [], None if typing else _LINGER)[0]
            if not ready:
                return True
            if connection.fileno() in ready and not _print(connection, target):
                return False
            if source in ready:
                data = os.read(source, _CHUNK)
                before, leave, _ = data.partition(LEAVE)
                if before and not _send(connection, before):
                    return False
                if leave:
                    return True
                typing = bool(data)


def _print(connection: socket.socket, target: int) -> bool:
    """Print what has arrived. Returns whether there was anything."""
    try:
        data = connection.recv(_CHUNK)
    except OSError:
        return False
    rest = data
    while rest:
        rest = rest[os.write(target, rest) :]
    return bool(data)


def _send(connection: socket.socket, data: bytes) -> bool:
    try:
        connection.sendall(data)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _raw(descriptor: int) -> Iterator[None]:
    """Let a terminal pass on each key, until the context ends."""
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
