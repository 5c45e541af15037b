"""The vm-gahp's process."""

from __future__ import annotations

import contextlib
import os
import subprocess

from ..job import FILTER
from .conversation import STATUS

# HTCondor's own request ids are smaller (new_reqid() in vm_gahp_server.cpp)
_OWN_REQUEST = b"999999999"
_ENDING = 10  # seconds


class VmGahp:
    """A running vm-gahp, with pipes of its own."""

    def __init__(self, program: str, arguments: list[str]) -> None:
        """Start it. Raises OSError."""
        self._process = subprocess.Popen(
            [program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, FILTER: str(os.getpid())},
        )
        assert self._process.stdin
        assert self._process.stdout
        self._input, self.output = self._process.stdin, self._process.stdout.fileno()
        os.set_blocking(self.output, False)
        self.pid = self._process.pid
        self.has_said_all = False  # whether its output has ended
        self.process = os.pidfd_open(self.pid)  # becomes readable when it has ended

    def write(self, data: bytes) -> None:
        """Write all data; nothing if it has ended."""
        with contextlib.suppress(OSError, ValueError):
            while data:
                data = data[self._input.write(data) or 0 :]

    def close_input(self) -> None:
        """Let it destroy its guest, by its name, and end."""
        with contextlib.suppress(OSError):
            self._input.close()

    def read(self) -> bytes | None:
        """Return what there is of its output; None if there is nothing yet, b"" at its end."""
        try:
            data = os.read(self.output, 1 << 16)
        except BlockingIOError:
            return None
        self.has_said_all = not data
        return data

    def wait(self) -> int:
        """Return its exit status, once it has ended."""
        code = self._process.wait()
        return code if code >= 0 else 128 - code

    def kill(self) -> None:
        """Kill it, so that it does not do what it does when it ends."""
        self._process.kill()
        self._process.wait()

    def finish(self, guest: bytes) -> None:
        """Let it notice that its guest has ended, do what follows from that, and end."""
        self.write(STATUS + b" " + _OWN_REQUEST + b" " + guest + b"\r\n")
        self.close_input()
        try:
            self._process.wait(_ENDING)
        except subprocess.TimeoutExpired:
            self.kill()
