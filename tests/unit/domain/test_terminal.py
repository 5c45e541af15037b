"""A guest's terminal: what its user types and what it prints pass, for nobody else; and it never stops the guest."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from condor_kvm_stage.domain import terminal
from condor_kvm_stage.job import TERMINAL, TERMINAL_PIPE, Job
from support.domain import console_keeper
from support.domain.console_keeper import Keeper
from support.processes import NOBODY, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can let another user keep the console")
OTHER = 65533  # another user
PYTHON = "/usr/bin/python3"  # other users can run it, too, wherever this repository is


class Guest:
    """QEMU's ends of the FIFOs."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self.directory = keeper.fifo.parent
        self._typed = os.open(self.directory / f"{TERMINAL_PIPE}.in", os.O_RDWR | os.O_NONBLOCK)
        self._printed = os.open(self.directory / f"{TERMINAL_PIPE}.out", os.O_RDWR | os.O_NONBLOCK)

    def prints(self, data: bytes) -> None:
        """Print all of it, as a guest that waits for its terminal."""
        deadline = time.monotonic() + 60
        while data:
            try:
                data = data[os.write(self._printed, data) :]
            except BlockingIOError:
                assert time.monotonic() < deadline, "the guest waits for ever"
                time.sleep(0.01)

    def hears(self) -> bytes:
        """What was typed, b"" if nothing was."""
        try:
            return os.read(self._typed, 1 << 16)
        except BlockingIOError:
            return b""

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(20)
        client.connect(str(self.directory / TERMINAL))
        return client

    def end(self) -> None:
        self.keeper.print(b"x")
        self.keeper.end()


@pytest.fixture
def guest(where: Job, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guest]:
    monkeypatch.setattr(terminal, "_PATIENCE", 1)
    running = Guest(console_keeper.start(where))
    yield running
    if not running.keeper.has_ended():
        running.end()


def read(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = client.recv(1 << 16)
        if not more:
            break
        data += more
    return data


def test_what_is_typed_and_printed_passes(guest: Guest) -> None:
    with guest.connect() as client:
        client.sendall(b"id\n")
        heard = b""

        def has_heard() -> bool:
            nonlocal heard
            heard += guest.hears()
            return heard == b"id\n"

        wait_for(has_heard, "the guest has heard it")
        guest.prints(b"uid=0\n")
        assert read(client, 6) == b"uid=0\n"


def test_who_connects_sees_what_was_printed_last(guest: Guest) -> None:
    guest.prints(b"old " * 10_000 + b"login: ")
    wait_for(lambda: _unread(guest) == 0, "the guest's terminal is read, whether or not anybody looks")
    with guest.connect() as client:
        shown = read(client, terminal._BACKLOG)
    assert shown.endswith(b"old login: ")
    assert len(shown) == terminal._BACKLOG


def test_guest_does_not_wait_for_somebody_who_does_not_read(guest: Guest) -> None:
    with guest.connect() as client:
        guest.prints(bytes(3 << 20))
        assert len(read(client, 3 << 20)) < 3 << 20, "the connection was given up"


def test_guest_that_does_not_read_stops_nothing(guest: Guest) -> None:
    with guest.connect() as client:
        client.setblocking(False)
        sent = 0
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            try:
                sent += client.send(bytes(4096))
            except BlockingIOError:
                time.sleep(0.05)
        assert 0 < sent < 4 << 20, "it is not kept without end"
        guest.prints(b"still here\n")
        client.settimeout(20)
        assert read(client, 11) == b"still here\n"


def test_who_connects_later_takes_over(guest: Guest) -> None:
    """Such as after a connection that was lost without a word."""
    with guest.connect() as first, guest.connect() as second:
        assert read(first, 1) == b""
        guest.prints(b"hello")
        assert read(second, 5) == b"hello"


def test_it_ends_with_the_guest(guest: Guest) -> None:
    with guest.connect() as client:
        guest.end()
        assert read(client, 1) == b""


def test_socket_is_the_users_alone(guest: Guest) -> None:
    status = (guest.directory / TERMINAL).stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (NOBODY, NOBODY, 0o600)
    assert _connects_as(guest.directory, NOBODY)
    assert not _connects_as(guest.directory, OTHER)


def test_nobody_can_put_another_socket_in_its_place(guest: Guest) -> None:
    code = "import os, sys; os.unlink(sys.argv[1])"
    command = [PYTHON, "-c", code, str(guest.directory / TERMINAL)]
    assert subprocess.run(command, user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True).returncode == 1
    assert (guest.directory / TERMINAL).exists()


def test_console_is_kept_whatever_happens_on_the_terminal(guest: Guest) -> None:
    with guest.connect() as client:
        client.sendall(b"x" * 1000)
    guest.prints(b"y" * 1000)
    guest.keeper.print(b"boot\n")
    guest.keeper.end()
    assert guest.keeper.log.read_bytes() == b"boot\n"


def test_process_of_the_users_that_takes_what_is_printed_does_not_end_the_console(guest: Guest) -> None:
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline and not guest.keeper.has_ended():
        guest.prints(b"y")
        with contextlib.suppress(BlockingIOError):
            os.read(guest._printed, 1 << 16)
    assert not guest.keeper.has_ended()
    guest.keeper.print(b"boot\n")
    guest.keeper.end()
    assert guest.keeper.log.read_bytes() == b"boot\n"


def _unread(guest: Guest) -> int:
    import array
    import fcntl
    import termios

    found = array.array("i", [0])
    fcntl.ioctl(guest._printed, termios.FIONREAD, found)
    return found[0]


def _connects_as(directory: Path, user: int) -> bool:
    """Where a user may search the directories above: at the socket itself."""
    code = "import os, socket, sys; os.chdir(sys.argv[1]); socket.socket(socket.AF_UNIX).connect(sys.argv[2])"
    command = [PYTHON, "-c", code, str(directory), TERMINAL]
    return subprocess.run(command, user=user, group=user, extra_groups=[], capture_output=True).returncode == 0
