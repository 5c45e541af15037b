"""Run qemu-img: an argument list, no stdin, a fixed locale, a deadline; its stderr becomes the message."""

import os
import select
import time

from ..errors import KvmStageError, printable

DEADLINE = 60.0  # seconds; creating an overlay takes milliseconds, so a share must have died meanwhile


class QemuImgError(KvmStageError):
    """qemu-img is not there, failed, or did not finish in time."""


def create_overlay(path: str, base: str, base_format: str) -> None:
    """Make the qcow2 file `path`, an overlay of `base`. Both paths are absolute, so that QEMU sees no protocol in them.

    Raises QemuImgError; an incomplete file may then be left at `path`.
    """
    _run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", base_format, "-b", base, path])


def _run(command: "list[str]") -> None:
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
    except OSError as error:
        os.close(reader)
        hint = f"; install the package qemu-img on {_host()}" if isinstance(error, FileNotFoundError) else ""
        raise QemuImgError(f"cannot run qemu-img: {error.strerror}{hint}") from error
    try:
        stderr = _read_until(reader, time.monotonic() + DEADLINE)
    except TimeoutError:
        import signal  # here: it takes half as long as the interpreter's own start, and is hardly ever needed

        # Not waited for: a process that waits for a dead share cannot even be killed.
        os.kill(pid, signal.SIGKILL)
        raise QemuImgError(
            f"qemu-img did not finish within {DEADLINE:.0f} s; check that the share answers on {_host()}"
        ) from None
    finally:
        os.close(reader)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != 0:
        lines = stderr.decode("utf-8", "replace").replace("qemu-img: ", "").splitlines()
        raise QemuImgError(f"qemu-img failed (exit status {status}): {printable('; '.join(lines)) or 'no message'}")


def _read_until(descriptor: int, deadline: float) -> bytes:
    """Read to the end, which comes when the process that writes has ended. Raises TimeoutError at the deadline."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    received = b""
    while True:
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise TimeoutError
        chunk = os.read(descriptor, 65536)
        if not chunk:
            return received
        received += chunk


def _host() -> str:
    return os.uname().nodename
