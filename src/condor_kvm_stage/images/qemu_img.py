"""Run qemu-img without a shell, in the C locale. Its stderr becomes the message, its progress the heartbeat."""

import errno
import os
import select

from .. import proc_stat
from ..failures import NodeError, StageError, TransferError, on_share
from ..text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..share.child import Heartbeat

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
)
# Words in a message about a file that it reads, never about one that it writes
_READING = ("error while reading", "Could not open backing image")


class WriteError(OSError):
    """qemu-img could not write its file."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(code, os.strerror(code))
        self.detail = detail  # qemu-img's message


def try_to_open(path: str, heartbeat: "Heartbeat") -> None:
    """Let QEMU open the qcow2 image `path`, without its backing file. Raises the same errors as convert()."""
    _run(["info", "-f", "qcow2", path], path, "", heartbeat)


def convert(path: str, source: str, source_format: str, heartbeat: "Heartbeat", durable: bool = False) -> None:
    """Write the qcow2 file `path`, a standalone image with the content of `source` and its backing files.

    Paths are absolute, so that QEMU sees no protocol in them. heartbeat: called while qemu-img makes progress.
    Raises WriteError, what on_share() returns for the source, or TransferError; an incomplete file may then be left at
    `path`. Raises NodeError if qemu-img cannot be run.

    durable: sync each write to disk; a single sync at the end could take minutes without a heartbeat.
    """
    cache = ["-t", "writethrough"] if durable else []
    _run(["convert", *cache, "-f", source_format, "-O", "qcow2", source, path], source, path, heartbeat)


def resize(path: str, size: int, heartbeat: "Heartbeat") -> None:
    """Set the virtual size of the qcow2 file `path` to `size` bytes. Raises the same errors as convert()."""
    _run(["resize", "-q", "-f", "qcow2", path, str(size)], path, path, heartbeat)


def _run(arguments: "list[str]", source: str, path: str, heartbeat: "Heartbeat") -> None:
    pid, reader = _spawn(["qemu-img", *arguments])
    try:
        stderr = _read_to_end(reader, pid, heartbeat)
    except BaseException:  # the result is no longer needed
        os.kill(pid, 9)  # SIGKILL; importing signal takes half as long as the interpreter's own start
        os.waitpid(pid, 0)
        raise
    finally:
        os.close(reader)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != 0:
        raise _failure(status, stderr.decode("utf-8", "replace"), source, path)


def _spawn(command: "list[str]") -> "tuple[int, int]":
    """Start a command. Returns its process id and the read end of its stderr. Raises NodeError."""
    # Not with subprocess: importing it takes as long as running qemu-img.
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
    """Read until the process has ended; send a heartbeat while it makes progress. A copy may take hours."""
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
