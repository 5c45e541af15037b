"""Give a guest the job's files: its scratch directory, as a virtiofs file system, by the distribution's virtiofsd.

virtiofsd serves what QEMU passes on from the guest. It runs as the job's user, in no other group than this user's own,
with no privileges and no way to gain any: whatever the guest's root asks of it, it can do what an ordinary job of this
user could, and no more. Whoever writes in the guest, on the node the file is the user's; in the guest, all files seem
to be those of one user (OWNER), because the guest's kernel checks permissions, too.

The whole scratch directory, like an ordinary job's: what HTCondor has transferred is there, and what is new there comes
back. The guest's disks are not: they are in the private directory.

Another process, of the job's user, too, starts virtiofsd and keeps its messages. virtiofsd ends when QEMU closes its
socket; and with that process, which ends with the starter, so that nothing is left of a guest that did not start.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import time

from ..failures import NodeError
from ..job import FILES_SOCKET, Job
from ..processes import become_user, detach, is_alive
from ..text import printable, to_text
from . import child_answer, socket_label
from .capped_log import CappedLog
from .private_dir import PrivateDir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

OWNER = 1000  # user and group id in the guest: the first user's, also on cloud images
_SETPRIV = "/usr/bin/setpriv"
_LOG = ".files.log"  # no disk can have this name
LONGEST = 107  # bytes of a socket's path (unix(7))
# virtiofsd keeps a file open for each one that the guest remembers, which costs the node about 1.5 KiB of its memory
_MOST_FILES = 1 << 18
_LOG_SIZE = 1 << 16  # bytes
_READY = b"Waiting for vhost-user socket connection"
_STARTING = 20  # seconds
_EVERYBODY = (1 << 32) - 1  # number of user ids


def start(directory: PrivateDir, job: Job, group: int, program: str, guest: str = "") -> str:
    """Start virtiofsd. group: of QEMU. program: path of virtiofsd. guest: see GuestFacts.selinux.

    Returns the path of its socket. Raises NodeError.
    """
    path = f"{directory.path}/{FILES_SOCKET}"
    if len(os.fsencode(path)) > LONGEST:
        raise NodeError(
            f"the path {path} is too long for a socket, so the guest cannot have the job's files; the administrator "
            "must give EXECUTE a shorter one"
        )
    try:
        # Root's, so that the job's user, in another job, cannot open it to himself
        with socket_label.for_guests(guest):
            listening = directory.listen(FILES_SOCKET, 0, group, 0o660)
        log = directory.make_log(_LOG)
    except OSError as error:
        raise NodeError(f"cannot make {path}: {error.strerror}; tell the administrator") from error
    reader, writer = os.pipe2(os.O_CLOEXEC)
    keeper = os.fork()
    if keeper == 0:
        _run_keeper(listening, log, job, program, writer)
    for descriptor in (writer, log):
        os.close(descriptor)
    listening.close()
    fault = child_answer.read(reader, keeper)
    if fault:
        raise NodeError(f"cannot give the guest the job's files: {fault}; tell the administrator")
    return path


def command(program: str, job: Job, descriptor: int) -> list[str]:
    """Return the command line. descriptor: of the listening socket."""
    options = {
        "fd": descriptor,
        "shared-dir": job.scratch,
        "sandbox": "none",  # the others need privileges
        "inode-file-handles": "never",  # likewise
        "cache": "auto",
        "rlimit-nofile": 0,  # as it is
    }
    ids = [
        *("--translate-uid", f"squash-guest:0:{job.uid}:{_EVERYBODY}"),
        *("--translate-gid", f"squash-guest:0:{job.gid}:{_EVERYBODY}"),
        *("--translate-uid", f"squash-host:0:{OWNER}:{_EVERYBODY}"),
        *("--translate-gid", f"squash-host:0:{OWNER}:{_EVERYBODY}"),
    ]
    # Should its parent end, so does virtiofsd. None of the programs on its way can gain privileges
    only = [_SETPRIV, "--inh-caps", "-all", "--no-new-privs", "--pdeathsig", "KILL", "--"]
    return [*only, program, *(f"--{name}={value}" for name, value in options.items()), *ids]


def _run_keeper(listening: socket.socket, log: int, job: Job, program: str, answer: int) -> NoReturn:
    """Run the process. answer: a pipe to which it writes why virtiofsd did not start, or that it did."""
    try:
        detach(listening.fileno(), log, answer)
        _limit()
        become_user(job.uid, job.gid, others=False)
        os.chdir(job.scratch)  # virtiofsd opens its own directory, which the user may have no right to: root's home
        _serve(listening, CappedLog(log, _LOG_SIZE), job, program, answer)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.write(answer, (error.strerror or str(error)).encode())
    finally:
        os._exit(0)


def _serve(listening: socket.socket, log: CappedLog, job: Job, program: str, answer: int) -> None:
    """Run virtiofsd until it or the starter has ended. Closes the socket, of which virtiofsd has its own descriptor."""
    messages, virtiofsd = _start(command(program, job, listening.fileno()), listening.fileno())
    listening.close()
    try:
        said, started = _until_ready(messages)
        if not started:
            os.write(answer, _last_line(said).encode())
            return
        child_answer.has_begun(answer)
        _keep(messages, log, said, job)
    finally:
        os.kill(virtiofsd, signal.SIGKILL)
        os.waitpid(virtiofsd, 0)


def _limit() -> None:
    """Set the limits that virtiofsd is to have: as root, who may raise them."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for most in (_MOST_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]):
        with contextlib.suppress(ValueError, OSError):  # in a container, root may not
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            return


def _start(words: list[str], listening: int) -> tuple[int, int]:
    """Start virtiofsd, with this socket and nothing else. Returns a pipe with its messages, and its process id."""
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    child = os.fork()
    if child == 0:
        try:
            os.dup2(writer, 2)
            os.set_blocking(2, True)
            os.set_inheritable(listening, True)
            os.execve(words[0], words, {})
        except OSError as error:
            os.write(2, (error.strerror or str(error)).encode())
        finally:
            os._exit(127)
    os.close(writer)
    return reader, child


def _until_ready(messages: int) -> tuple[bytes, bool]:
    """Return what virtiofsd has said until it was ready, and whether it is."""
    said, deadline = b"", time.monotonic() + _STARTING
    while _READY not in said:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([messages], [], [], left)[0]:
            return said + f"\nvirtiofsd is not ready within {_STARTING} s".encode(), False
        data = os.read(messages, 1 << 12)
        if not data:
            return said, False
        said += data
    return said, True


def _keep(messages: int, log: CappedLog, said: bytes, job: Job) -> None:
    """Keep what virtiofsd says, until it or the starter has ended."""
    while True:
        with contextlib.suppress(OSError):  # as on a full disk
            log.write(said)
        while not select.select([messages], [], [], 5)[0]:
            if not is_alive(job.starter, job.started):
                return
        said = os.read(messages, 1 << 12)
        if not said:
            break
    with contextlib.suppress(OSError):
        log.finish()


def _last_line(said: bytes) -> str:
    lines = [line for line in map(str.strip, to_text(said).splitlines()) if line]
    return printable(lines[-1]) if lines else "virtiofsd ended without a word"
