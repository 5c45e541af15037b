"""condor-kvm-stage-shell: passes on what is typed and printed, leaves on Ctrl-], and says what is wrong in one line."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from condor_kvm_stage.job import TERMINAL
from condor_kvm_stage.leftovers.private_dirs import SUFFIX
from condor_kvm_stage.shell import session

SOURCES = Path(__file__).parents[3] / "src"
CODE = "import sys; from condor_kvm_stage.shell.cli import main; sys.exit(main(sys.argv[1:]))"
COMMAND = [sys.executable, "-c", CODE]


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[socket.socket]:
    """The listening socket of a terminal, for the job in tmp_path/scratch."""
    (tmp_path / f"scratch{SUFFIX}").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / f"scratch{SUFFIX}" / TERMINAL))
        listening.listen()
        listening.settimeout(20)
        yield listening


def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SOURCES), "_CONDOR_SCRATCH_DIR": f"{tmp_path}/scratch"}


def accept(listening: socket.socket) -> socket.socket:
    connection = listening.accept()[0]
    connection.settimeout(20)
    return connection


def run(typed: bytes, **more: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(COMMAND, input=typed, capture_output=True, timeout=60, **more)  # type: ignore[call-overload,no-any-return]


def answering(listening: socket.socket, answer: bytes) -> threading.Thread:
    """A guest that reads a line, answers, and stays."""

    def serve() -> None:
        with accept(listening) as connection:
            connection.sendall(b"heard " + connection.recv(4096) + answer)
            while connection.recv(4096):
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def test_line_from_a_pipe_is_answered_before_it_leaves(guest: socket.socket, tmp_path: Path) -> None:
    thread = answering(guest, b"uid=0\n")
    done = run(b"id\n", env=environment(tmp_path))
    thread.join(20)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"heard id\nuid=0\n", b"")


def test_it_ends_with_the_guest_and_says_so(guest: socket.socket, tmp_path: Path) -> None:
    reader, writer = os.pipe()  # nothing is typed
    with subprocess.Popen(COMMAND, stdin=reader, stderr=subprocess.PIPE, env=environment(tmp_path)) as shell:
        accept(guest).close()
        assert shell.stderr
        assert b"the guest has ended" in shell.stderr.read()
        assert shell.wait(20) == 1
    os.close(reader)
    os.close(writer)


def test_terminal_is_raw_until_ctrl_right_bracket_and_then_as_before(guest: socket.socket, tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    with subprocess.Popen(
        COMMAND, stdin=terminal, stdout=terminal, stderr=terminal, env=environment(tmp_path), start_new_session=True
    ) as shell:
        with accept(guest) as connection:
            shown = b""
            while b"Ctrl-] to leave" not in shown:
                shown += os.read(controller, 4096)
            deadline = time.monotonic() + 20
            while termios.tcgetattr(terminal)[3] & termios.ICANON:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            os.write(controller, b"\x03x")
            heard = b""
            while len(heard) < 2:
                heard += connection.recv(4096)
            assert heard == b"\x03x", "Ctrl-C is for the guest"
            connection.sendall(b"\x1b[1mbold")
            shown = b""
            while not shown.endswith(b"bold"):
                shown += os.read(controller, 4096)
            os.write(controller, b"more" + session.LEAVE + b"lost")
            heard = b""
            while more := connection.recv(4096):
                heard += more
            assert heard == b"more"
        assert shell.wait(20) == 0
    assert termios.tcgetattr(terminal)[:4] == before[:4]


def test_without_a_guest_it_says_what_can_be_the_matter(tmp_path: Path) -> None:
    done = run(b"", env=environment(tmp_path))
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert b"there is no guest's terminal here (No such file or directory): either" in done.stderr


def test_outside_a_job_it_says_how_it_is_run(tmp_path: Path) -> None:
    outside = {name: value for name, value in environment(tmp_path).items() if name != "_CONDOR_SCRATCH_DIR"}
    done = run(b"", env=outside)
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert b"condor_ssh_to_job JOB condor-kvm-stage-shell" in done.stderr


@pytest.mark.parametrize(("option", "status"), [("--help", 0), ("-h", 0), ("12.0", 2)])
def test_usage(option: str, status: int) -> None:
    done = subprocess.run([*COMMAND, option], capture_output=True, env={**os.environ, "PYTHONPATH": str(SOURCES)})
    assert done.returncode == status
    assert b"usage: condor_ssh_to_job JOB" in (done.stdout if status == 0 else done.stderr)
