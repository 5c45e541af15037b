"""What serves a guest its job's files: as which user, with what, until when; and why it does not."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from condor_kvm_stage.domain import child_answer, job_files, private_dir
from condor_kvm_stage.failures import NodeError
from condor_kvm_stage.job import Job
from support.domain import console_keeper
from support.processes import NOBODY, runs, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can let another user serve files")
GROUP = 107
# Says what it was started with and what it may do, accepts one connection, and ends with it
SERVER = """#!/usr/bin/python3 -IS
import os, socket, sys
own = "{place}"
with open(own, "w") as file:
    file.write(repr(sys.argv[1:]) + "\\n" + repr(dict(os.environ)) + "\\n")
    file.write(repr(sorted(map(int, os.listdir("/proc/self/fd")))) + "\\n")
    file.write(open("/proc/self/status").read() + open("/proc/self/limits").read())
{before}
print("[INFO virtiofsd] Waiting for vhost-user socket connection...", file=sys.stderr, flush=True)
listening = socket.socket(fileno=int(sys.argv[1].partition("=")[2]))
connection, _ = listening.accept()
listening.close()
print("connected", file=sys.stderr, flush=True)
connection.recv(1)
print("disconnected", file=sys.stderr, flush=True)
"""


class Server:
    """A fake virtiofsd. place: where it says what it is."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "virtiofsd"
        self.place = directory / "said"
        self.place.touch()
        self.place.chmod(0o666)
        self.write()

    def write(self, before: str = "") -> None:
        self.path.write_text(SERVER.format(place=self.place, before=before), encoding="utf-8")
        self.path.chmod(0o755)

    def status(self) -> dict[str, str]:
        lines = self.place.read_text(encoding="utf-8").splitlines()
        return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


@pytest.fixture
def private(where: Job) -> Iterator[private_dir.PrivateDir]:
    before = console_keeper.children()
    yield private_dir.make(where)
    for pid in console_keeper.children() - before:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def start(private: private_dir.PrivateDir, where: Job, server: Server) -> tuple[str, int, int]:
    """Return the socket's path, and the process ids of the keeper and of virtiofsd."""
    before = console_keeper.children()
    path = job_files.start(private, where, GROUP, str(server.path))
    (keeper,) = console_keeper.children() - before
    (pid,) = console_keeper.children(keeper)
    return path, keeper, pid


def connect(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    return connection


def wait_for_end(keeper: int, pid: int) -> None:
    wait_for(lambda: os.waitpid(keeper, os.WNOHANG)[0] == keeper, "the keeper has ended")
    assert not runs(pid)


def test_it_has_the_users_rights_and_no_others(private: private_dir.PrivateDir, where: Job, server: Server) -> None:
    start(private, where, server)
    status = server.status()
    ids = f"{NOBODY}\t{NOBODY}\t{NOBODY}\t{NOBODY}"
    assert (status["Uid"], status["Gid"], status["Groups"].strip()) == (ids, ids, "")
    assert {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == dict.fromkeys(
        ("CapInh", "CapPrm", "CapEff", "CapAmb"), 0
    )
    assert status["NoNewPrivs"] == "1"
    said = server.place.read_text(encoding="utf-8")
    assert "Max core file size        0                    0 " in said


def test_it_has_nothing_of_the_builders_but_the_socket(
    private: private_dir.PrivateDir, where: Job, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "x")
    start(private, where, server)
    arguments, environment, descriptors = map(eval, server.place.read_text(encoding="utf-8").splitlines()[:3])
    assert "SECRET" not in environment
    listening = int(arguments[0].removeprefix("--fd="))
    # its own file, and the list's, are the lowest that are free
    assert {0, 1, 2, listening} <= set(descriptors)
    assert len(descriptors) <= 6


def test_every_user_of_the_guest_is_the_jobs_user(where: Job) -> None:
    words = job_files.command("/usr/libexec/virtiofsd", where, 5)
    assert words[words.index("--") + 1] == "/usr/libexec/virtiofsd"
    assert f"--shared-dir={where.scratch}" in words
    maps = [words[at + 1] for at, word in enumerate(words) if word.startswith("--translate-")]
    everybody = f"{(1 << 32) - 1}"
    assert maps == [
        f"squash-guest:0:{where.uid}:{everybody}",
        f"squash-guest:0:{where.gid}:{everybody}",
        f"squash-host:0:1000:{everybody}",
        f"squash-host:0:1000:{everybody}",
    ]


def test_only_qemus_group_can_connect_and_the_user_cannot_change_that(
    private: private_dir.PrivateDir, where: Job, server: Server
) -> None:
    path, _, _ = start(private, where, server)
    found = os.lstat(path)
    assert stat.S_ISSOCK(found.st_mode)
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (0, GROUP, 0o660)
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            for attempt in (
                connect,
                os.unlink,
                lambda name: os.chmod(name, 0o666),
                lambda name: os.rename(name, name + "x"),
            ):
                try:
                    attempt(path)
                except PermissionError:
                    continue
                os._exit(1)
            os._exit(0)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0


def test_it_ends_with_qemu_and_its_words_are_kept(private: private_dir.PrivateDir, where: Job, server: Server) -> None:
    path, keeper, pid = start(private, where, server)
    connection = connect(path)
    time.sleep(0.2)
    assert runs(pid)
    connection.close()
    wait_for_end(keeper, pid)
    assert Path(private.path, ".files.log").read_text(encoding="utf-8").endswith("connected\ndisconnected\n")
    assert stat.S_IMODE(os.stat(f"{private.path}/.files.log").st_mode) == 0o600


def test_it_ends_with_the_starter_if_no_qemu_ever_came(
    private: private_dir.PrivateDir, where: Job, server: Server
) -> None:
    _, keeper, pid = start(private, where, server)
    os.kill(where.starter, signal.SIGKILL)
    os.waitpid(where.starter, 0)
    wait_for_end(keeper, pid)


def test_it_ends_with_its_keeper_however_that_ends(private: private_dir.PrivateDir, where: Job, server: Server) -> None:
    path, keeper, pid = start(private, where, server)
    with connect(path):
        os.kill(keeper, signal.SIGKILL)
        os.waitpid(keeper, 0)
        wait_for(lambda: not runs(pid), "virtiofsd has ended")


def test_what_it_says_without_end_does_not_fill_the_disk(
    private: private_dir.PrivateDir, where: Job, server: Server
) -> None:
    server.write('import threading\nthreading.Timer(0.5, lambda: os.write(2, b"x" * (4 << 20))).start()')
    path, keeper, pid = start(private, where, server)
    time.sleep(1)
    connect(path).close()
    wait_for_end(keeper, pid)
    assert os.stat(f"{private.path}/.files.log").st_size <= job_files._LOG_SIZE


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ('print("error: unexpected argument", file=sys.stderr)\nsys.exit(2)', "error: unexpected argument"),
        ("sys.exit(0)", "virtiofsd ended without a word"),
        ("import time; time.sleep(60)", "virtiofsd is not ready within 1 s"),
    ],
)
def test_one_that_does_not_start_is_the_nodes_fault_and_nothing_is_left_of_it(
    private: private_dir.PrivateDir,
    where: Job,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    before: str,
    words: str,
) -> None:
    monkeypatch.setattr(job_files, "_STARTING", 1)
    server.write(before)
    children = console_keeper.children()
    with pytest.raises(NodeError, match=f"cannot give the guest the job's files: {words}; tell the administrator"):
        job_files.start(private, where, GROUP, str(server.path))
    (keeper,) = console_keeper.children() - children
    wait_for(lambda: os.waitpid(keeper, os.WNOHANG)[0] == keeper, "the keeper has ended")


def test_builder_does_not_wait_for_a_keeper_that_the_user_has_stopped(
    private: private_dir.PrivateDir, where: Job, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_answer, "TIMEOUT", 2)
    server.write(before=f"os.kill(os.getppid(), {int(signal.SIGSTOP)})")
    with pytest.raises(NodeError, match="another process of the job's user may have stopped it"):
        job_files.start(private, where, GROUP, str(server.path))


def test_keeper_that_the_user_has_killed_has_not_begun(
    private: private_dir.PrivateDir, where: Job, server: Server
) -> None:
    server.write(before=f"os.kill(os.getppid(), {int(signal.SIGKILL)})")
    with pytest.raises(NodeError, match="another process of the job's user may have ended it"):
        job_files.start(private, where, GROUP, str(server.path))


def test_program_that_is_gone_is_named(private: private_dir.PrivateDir, where: Job, server: Server) -> None:
    server.path.unlink()
    with pytest.raises(NodeError, match=f"cannot give the guest the job's files: .*{server.path}.*No such file"):
        job_files.start(private, where, GROUP, str(server.path))


def test_path_that_is_too_long_for_a_socket_is_said_before(where: Job, server: Server) -> None:
    private = private_dir.PrivateDir("/" + "x" * 101, -1, -1, where)
    with pytest.raises(NodeError, match="is too long for a socket"):
        job_files.start(private, where, GROUP, str(server.path))


def test_it_starts_also_where_the_user_may_not_be(
    private: private_dir.PrivateDir, where: Job, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--check is called in root's home directory."""
    roots = tmp_path / "roots"
    roots.mkdir(mode=0o700)
    monkeypatch.chdir(roots)
    server.write("os.listdir('.')")
    start(private, where, server)
