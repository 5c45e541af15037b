"""Run qemu-img without a shell, in the C locale. Its stderr becomes the message, its progress the heartbeat.

It runs under limits: an image can be made to cost any amount of memory and time (CVE-2015-5162). The checks bound that
cost; the limits hold for what the checks do not know.
"""

import errno
import os
import resource
import select
import time

from .. import proc_stat
from ..failures import NodeError, SpecificationError, StageError, TransferError, on_share
from ..text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..share.child import Heartbeat

# The limits are soft ones: qemu-img could raise them, but it does not.
_NO_CORE = {resource.RLIMIT_CORE: 0}  # images can be large, and are not for everybody
# QEMU opens an image that has passed the checks in 1 s and 64 MiB. The rest is address space of its libraries, and of
# up to 64 threads with stacks of 8 MiB. OpenStack has the same limits.
_OF_INFO = {**_NO_CORE, resource.RLIMIT_AS: 1 << 30, resource.RLIMIT_CPU: 30}
# The C library would give each thread address space of 64 MiB for a heap of its own
_ONE_HEAP = {"MALLOC_ARENA_MAX": "1"}
# The threads of a copy have them
_OF_COPY = {**_NO_CORE, resource.RLIMIT_AS: 8 << 30}
_SIGXCPU = 24
_INTERVAL = 200  # milliseconds; progress is detected after two intervals, and the shortest timeout is 1 s
# Errors that qemu-img's message may name, in the C locale
_ERRORS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.ESTALE,
    errno.EIO,
    errno.ETIMEDOUT,
    errno.ENOTCONN,
    errno.ECONNABORTED,
    errno.EACCES,
    errno.EFBIG,
)
# Words in a message about a file that it reads, never about one that it writes
_READING = ("error while reading", "Could not open backing image")


class WriteError(OSError):
    """qemu-img could not write its file."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(code, os.strerror(code))
        self.detail = detail  # qemu-img's message


def try_to_open(path: str, seconds: float, heartbeat: "Heartbeat") -> None:
    """Let QEMU open the qcow2 image `path`, without its backing file, for so many seconds at most.

    Raises SpecificationError (check `open_cost`) if it takes longer, and the same errors as convert().
    """
    arguments, deadline = ["info", "-f", "qcow2", path], time.monotonic() + seconds
    status, stderr = _run(arguments, _OF_INFO, heartbeat, deadline)
    if status in (-_SIGXCPU, _TIMED_OUT):
        raise SpecificationError(
            f"image {printable(path)} takes QEMU too long to open (more than {seconds:.0f} s, or "
            f"{_OF_INFO[resource.RLIMIT_CPU]} s of processor time); recreate it from its source",
            check="open_cost",
        )
    _check(status, stderr, path, "")


def convert(
    path: str, source: str, source_format: str, virtual_size: int, heartbeat: "Heartbeat", durable: bool = False
) -> None:
    """Write the qcow2 file `path`, a standalone image with the content of `source` and its backing files.

    Paths are absolute, so that QEMU sees no protocol in them. virtual_size: of the disk, bytes. heartbeat: called while
    qemu-img makes progress. Raises WriteError, what on_share() returns for the source, or TransferError; an incomplete
    file may then be left at `path`. Raises NodeError if qemu-img cannot be run.

    durable: sync each write to disk; a single sync at the end could take minutes without a heartbeat.
    """
    cache = ["-t", "writethrough"] if durable else []
    arguments = ["convert", *cache, "-f", source_format, "-O", "qcow2", source, path]
    _check(*_run(arguments, _limits_of_copy(virtual_size), heartbeat), source, path)


def resize(path: str, size: int, heartbeat: "Heartbeat") -> None:
    """Set the virtual size of the qcow2 file `path` to `size` bytes. Raises the same errors as convert()."""
    arguments = ["resize", "-q", "-f", "qcow2", path, str(size)]
    _check(*_run(arguments, _limits_of_copy(size), heartbeat), path, path)


def _limits_of_copy(virtual_size: int) -> "dict[int, int]":
    """Return the limits for a program that writes a disk. It cannot write a larger file than the disk needs.

    qcow2 needs 1/8192 of the disk for L2 tables and 1/32768 for refcounts, in clusters of 64 KiB.
    """
    return {**_OF_COPY, resource.RLIMIT_FSIZE: virtual_size + (virtual_size >> 12) + (2 << 20)}


_TIMED_OUT = -256  # no signal has this number


def _run(
    arguments: "list[str]", limits: "dict[int, int]", heartbeat: "Heartbeat", deadline: "float | None" = None
) -> "tuple[int, bytes]":
    """Return the exit status (negative: the signal that ended it, _TIMED_OUT after the deadline) and stderr."""
    pid, reader = _spawn(["qemu-img", *arguments], _ONE_HEAP if limits is _OF_INFO else {})
    try:
        _limit(pid, limits)
        stderr = _read_to_end(reader, pid, heartbeat, deadline)
    except BaseException as error:  # the result is no longer needed
        os.kill(pid, 9)  # SIGKILL; importing signal takes half as long as the interpreter's own start
        os.waitpid(pid, 0)
        if isinstance(error, TimeoutError):
            return _TIMED_OUT, b""
        raise
    finally:
        os.close(reader)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), stderr


def _check(status: int, stderr: bytes, source: str, path: str) -> None:
    if status != 0:
        raise _failure(status, stderr.decode("utf-8", "replace"), source, path)


def _limit(pid: int, limits: "dict[int, int]") -> None:
    """Set soft limits for a process that has just started: until then it cannot have used much.

    Before it starts, they could only be set for this process, which may be beyond them.
    """
    for what, limit in limits.items():
        soft, hard = resource.prlimit(pid, what)
        bounds = [bound for bound in (limit, soft, hard) if bound != resource.RLIM_INFINITY]
        resource.prlimit(pid, what, (min(bounds), hard))


def _spawn(command: "list[str]", settings: "dict[str, str]") -> "tuple[int, int]":
    """Start a command, with settings in its environment. Returns its process id and the read end of its stderr.

    Raises NodeError.
    """
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
        hint = "; its administrator must install the package qemu-img" if error.errno == errno.ENOENT else ""
        raise NodeError(
            f"cannot run qemu-img on {os.uname().nodename}: {error.strerror}{hint}", code=error.errno or 0
        ) from error


def _read_to_end(descriptor: int, pid: int, heartbeat: "Heartbeat", deadline: "float | None") -> bytes:
    """Read until the process has ended; send a heartbeat while it makes progress. A copy may take hours.

    Raises TimeoutError at the deadline, which progress does not postpone.
    """
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    received, before = b"", b""
    while True:
        if deadline is not None and time.monotonic() >= deadline:
            raise TimeoutError
        if not poll.poll(_INTERVAL):
            now = _activity(pid)
            if before and now != before:
                heartbeat("qemu-img")
            before = now
            continue
        chunk = os.read(descriptor, 65536)
        if not chunk:
            return received
        received += chunk


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


def _failure(status: int, stderr: str, source: str, path: str) -> "StageError | WriteError":
    stderr = stderr.replace("qemu-img: ", "")
    if path:  # the file that it was to write
        stderr = stderr.replace(path, "the new disk")
    message = printable("; ".join(stderr.splitlines())) or "no message"
    reading = f"Could not open '{printable(source)}'" in message or any(words in message for words in _READING)
    for code in _ERRORS:
        if f": {os.strerror(code)}" in message:
            if not reading:
                return WriteError(code, message)
            failure = on_share(OSError(code, os.strerror(code)), f"read image {printable(source)}")
            failure.detail = message
            return failure
    return TransferError(
        f"qemu-img failed (exit status {status}): {message}; if the image is damaged, qemu-img check finds it",
        detail=message,
    )
