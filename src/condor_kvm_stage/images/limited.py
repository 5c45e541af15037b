"""Run a program on an untrusted image: without a shell, under limits, with its progress as the heartbeat.

An image can be made to cost any amount of memory and time (CVE-2015-5162). Our own checks bound that cost; the limits
hold for what the checks do not know.
"""

import errno
import os
import resource
import select

from .. import proc_stat
from ..failures import NodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from ..share.child import Heartbeat

_INTERVAL = 200  # milliseconds; progress is detected after two intervals, and the shortest timeout is 1 s
_LONGEST_MESSAGE = 64 << 10  # bytes


def run(
    command: "list[str]",
    limits: "dict[int, int]",
    heartbeat: "Heartbeat",
    may_go_on: "Callable[[], None]",
    settings: "dict[str, str] | None" = None,
) -> "tuple[int, bytes]":
    """Return a program's exit status (negative: the signal that ended it) and its stderr. It runs in the C locale.

    limits: soft ones for resources of setrlimit(2); the program could raise them, qemu-img does not. It leaves no core
    dump: images can be large, and are not for everybody. may_go_on: called every 200 ms; what it raises ends the
    program. settings: for its environment. Raises NodeError if it cannot be run.
    """
    pid, reader = _spawn(command, settings or {})
    try:
        _limit(pid, {**limits, resource.RLIMIT_CORE: 0})
        stderr = _read_to_end(reader, pid, lambda: heartbeat(command[0]), may_go_on)
    except BaseException:  # the result is no longer needed
        os.kill(pid, 9)  # SIGKILL; importing signal takes half as long as the interpreter's own start
        os.waitpid(pid, 0)
        raise
    finally:
        os.close(reader)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), stderr


def _limit(pid: int, limits: "dict[int, int]") -> None:
    """Set soft limits for a process that has just started: until then it cannot have used much.

    Before it starts, they could only be set for this process, which may be beyond them.
    """
    for what, limit in limits.items():
        soft, hard = resource.prlimit(pid, what)
        bounds = [bound for bound in (limit, soft, hard) if bound != resource.RLIM_INFINITY]
        resource.prlimit(pid, what, (min(bounds), hard))


def _spawn(command: "list[str]", settings: "dict[str, str]") -> "tuple[int, int]":
    """Start a command. Returns its process id and the read end of its stderr. Raises NodeError."""
    # Not with subprocess: importing it takes as long as running qemu-img.
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        try:
            pid = os.posix_spawnp(
                command[0],
                command,
                {**os.environ, "LC_ALL": "C", **settings},
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                    (os.POSIX_SPAWN_DUP2, writer, 2),
                ],
            )
        finally:
            os.close(writer)
        return pid, reader
    except OSError as error:
        os.close(reader)
        program = command[0]
        hint = f"; its administrator must install the package {program}" if error.errno == errno.ENOENT else ""
        raise NodeError(
            f"cannot run {program} on {os.uname().nodename}: {error.strerror}{hint}", code=error.errno or 0
        ) from error


def _read_to_end(descriptor: int, pid: int, heartbeat: "Callable[[], None]", may_go_on: "Callable[[], None]") -> bytes:
    """Read until the process has ended; send a heartbeat while it makes progress. A copy may take hours."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    received, before = b"", b""
    while True:
        may_go_on()
        if not poll.poll(_INTERVAL):
            now = _activity(pid)
            if before and now != before:
                heartbeat()
            before = now
            continue
        chunk = os.read(descriptor, 65536)
        if not chunk:
            return received
        received = (received + chunk)[:_LONGEST_MESSAGE]


def _activity(pid: int) -> bytes:
    """Return data that changes while the process works: CPU times, I/O counters, system call (proc_pid_stat(5), …).

    Searching for holes is not I/O, and on a slow share takes hardly any CPU time: only lseek's argument changes then.
    Files that cannot be read are left out.
    """
    activity = b""
    try:
        activity = b" ".join(proc_stat.read(pid)[proc_stat.USER_TIME : proc_stat.SYSTEM_TIME + 1])
        for what in ("io", "syscall"):
            with open(f"/proc/{pid}/{what}", "rb") as file:
                activity += file.read()
    except OSError:
        pass  # it has just ended, or we may not read it
    return activity
