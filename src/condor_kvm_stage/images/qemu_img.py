"""Run qemu-img: an argument list, no stdin, a fixed locale; its stderr becomes the message, its I/O shows it alive."""

import errno
import os
import select

from .. import proc_stat
from ..failures import NodeError, StageError, TransferError, on_share
from ..text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..share.child import Heartbeat

_INTERVAL = 200  # milliseconds; progress is seen after two, and the shortest timeout is 1 s
# What qemu-img may say in its message, in the C locale
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
)
# What it says of a file that it reads, and of none that it writes
_READING = ("error while reading", "Could not open backing image")


class WriteError(OSError):
    """qemu-img could not write its file. detail: what it said."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(code, os.strerror(code))
        self.detail = detail


def try_to_open(path: str, heartbeat: "Heartbeat") -> None:
    """Let QEMU open the qcow2 image `path`, without its backing file. As below."""
    _run(["info", "-f", "qcow2", path], path, "", heartbeat)


def convert(path: str, source: str, source_format: str, heartbeat: "Heartbeat", durable: bool = False) -> None:
    """Make the qcow2 file `path`, a standalone image with the content of `source` and its backing files.

    Paths are absolute, so that QEMU sees no protocol in them. heartbeat: called while qemu-img makes progress.
    Raises WriteError, what on_share() finds of the source, or TransferError; an incomplete file may then be left at
    `path`. Raises NodeError without qemu-img.

    durable: each write is on the disk before the next; all of them at the end could be minutes without a heartbeat.
    """
    cache = ["-t", "writethrough"] if durable else []
    _run(["convert", *cache, "-f", source_format, "-O", "qcow2", source, path], source, path, heartbeat)


def resize(path: str, size: int, heartbeat: "Heartbeat") -> None:
    """Give the disk in the qcow2 file `path` a virtual size of `size` bytes. As above."""
    _run(["resize", "-q", "-f", "qcow2", path, str(size)], path, path, heartbeat)


def _run(arguments: "list[str]", source: str, path: str, heartbeat: "Heartbeat") -> None:
    pid, reader = _spawn(["qemu-img", *arguments])
    try:
        stderr = _read_to_end(reader, pid, heartbeat)
    except BaseException:  # nobody waits for the result any more
        os.kill(pid, 9)  # SIGKILL: the module signal takes half as long as the interpreter's own start
        os.waitpid(pid, 0)
        raise
    finally:
        os.close(reader)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != 0:
        raise _failure(status, stderr.decode("utf-8", "replace"), source, path)


def _spawn(command: "list[str]") -> "tuple[int, int]":
    """Start a command. Returns its process id, and where its stderr can be read. Raises NodeError."""
    # Not subprocess: importing it takes as long as qemu-img itself.
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        try:
            pid = os.posix_spawnp(
                command[0],
                command,
                {**os.environ, "LC_ALL": "C"},
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


def _read_to_end(descriptor: int, pid: int, heartbeat: "Heartbeat") -> bytes:
    """Return what is read until the process that writes has ended. A copy may take hours, but not without any I/O."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    received, before = b"", b""
    while True:
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
    """Return what changes while the process works: CPU times, I/O counters, the system call (proc_pid_stat(5), …).

    To look for holes is no I/O, and on a slow share takes hardly any CPU time: only lseek's argument changes then. What
    cannot be read does not change.
    """
    activity = b""
    try:
        activity = b" ".join(proc_stat.read(pid)[proc_stat.USER_TIME : proc_stat.SYSTEM_TIME + 1])
        for what in ("io", "syscall"):
            with open(f"/proc/{pid}/{what}", "rb") as file:
                activity += file.read()
    except OSError:
        pass  # it has just ended, or is not for us to look at
    return activity


def _failure(status: int, stderr: str, source: str, path: str) -> "StageError | WriteError":
    stderr = stderr.replace("qemu-img: ", "")
    if path:  # of the file that it was to write
        stderr = stderr.replace(path, "the new disk")
    said = printable("; ".join(stderr.splitlines())) or "no message"
    reading = f"Could not open '{printable(source)}'" in said or any(words in said for words in _READING)
    for code in _ERRORS:
        if f": {os.strerror(code)}" in said:
            if not reading:
                return WriteError(code, said)
            failure = on_share(OSError(code, os.strerror(code)), f"read image {printable(source)}")
            failure.detail = said
            return failure
    return TransferError(
        f"qemu-img failed (exit status {status}): {said}; if the image is damaged, qemu-img check finds it", detail=said
    )
