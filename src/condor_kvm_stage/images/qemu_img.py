"""Let qemu-img open, copy or resize an image. What it prints on stderr becomes the message."""

import errno
import os
import resource
import time

from .. import sizes
from ..failures import EXPIRED, SpecificationError, StageError, TransferError
from ..share.faults import on_share
from ..text import printable
from . import limited

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from ..share.child import Heartbeat
    from .image_file import Image

# QEMU opens an image that has passed the checks in 1 s and 64 MiB. The rest is address space of its libraries, and of
# up to 64 threads with stacks of 8 MiB. OpenStack has the same limits.
_OF_INFO = {resource.RLIMIT_AS: 1 << 30, resource.RLIMIT_CPU: 30}
# The C library would give each thread address space of 64 MiB for a heap of its own
_ONE_HEAP = {"MALLOC_ARENA_MAX": "1"}
# The threads of a copy have them
_COPY_MEMORY = 8 << 30
# Processor time for a copy: so much, and that for each MiB of the image and its backing files. Measured: 0.004 s for a
# MiB of plain data, 0.02 to 0.07 of compressed text; 1.7 to 3.4 of a compressed disk that has one byte everywhere. One
# whose tables refer to the same data again and again could take hours.
_COPY_SECONDS, _COPY_SECONDS_PER_MIB = 60, 4
# A copy may not take the last of the scratch directory's file system, which other jobs use as well: 5 %, at most 1 GiB.
_KEPT_FREE, _MOST_KEPT_FREE = 20, 1 << 30
_SIGXCPU = 24
# What a file system says, as qemu-img's message names it in the C locale. Other errors are QEMU's own, or the image's
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
    *EXPIRED,  # during a long copy
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

    Raises SpecificationError (check `cost`) if it takes longer, whatever it does meanwhile, and the same errors as
    convert().
    """
    too_long = SpecificationError(
        f"image {printable(path)} takes QEMU too long to open (more than {seconds:.0f} s, or "
        f"{_OF_INFO[resource.RLIMIT_CPU]} s of processor time); recreate it from its source",
        check="cost",
    )
    deadline = time.monotonic() + seconds

    def in_time() -> None:
        if time.monotonic() >= deadline:
            raise too_long

    command = ["qemu-img", "info", "-f", "qcow2", path]
    status, stderr = limited.run(command, _OF_INFO, heartbeat, in_time, _ONE_HEAP)
    _check(status, stderr, path, "", too_long)


def convert(
    path: str, source: "Image", heartbeat: "Heartbeat", durable: bool = False, in_scratch: bool = False
) -> None:
    """Write the qcow2 file `path`, a standalone image with the content of `source` and its backing files.

    `path` is absolute, so that QEMU sees no protocol in it. heartbeat: called while qemu-img makes progress. Raises
    WriteError, what on_share() returns for the source, SpecificationError (check `cost`) or TransferError; an
    incomplete file may then be left at `path`. Raises NodeError if qemu-img cannot be run.

    durable: sync each write to disk; a single sync at the end could take minutes without a heartbeat. in_scratch: leave
    some of the file system to the node's other jobs.
    """
    cache = ["-t", "writethrough"] if durable else []
    command = ["qemu-img", "convert", *cache, "-f", source.format, "-O", "qcow2", source.path, path]
    seconds = _COPY_SECONDS + (source.size >> 20) * _COPY_SECONDS_PER_MIB
    limits = _limits_of_copy(source.virtual_size, seconds)
    too_long = SpecificationError(
        f"image {printable(source.path)} takes too long to copy (more than {seconds} s of processor time, for files of "
        f"{sizes.show(source.size)}); recreate it from its source",
        check="cost",
    )
    may_go_on = _leaves_free(path) if in_scratch else _always
    _check(*limited.run(command, limits, heartbeat, may_go_on), source.path, path, too_long)


def resize(path: str, size: int, heartbeat: "Heartbeat") -> None:
    """Set the virtual size of the qcow2 file `path` to `size` bytes. Raises the same errors as convert()."""
    command = ["qemu-img", "resize", "-q", "-f", "qcow2", path, str(size)]
    _check(*limited.run(command, _limits_of_copy(size, _COPY_SECONDS), heartbeat, _always), path, path)


def _always() -> None:
    pass


def _leaves_free(path: str) -> "Callable[[], None]":
    """Return a function that raises WriteError when the file system of `path` is almost full."""

    def check() -> None:
        found = os.statvfs(path)
        kept = min(found.f_blocks // _KEPT_FREE * found.f_frsize, _MOST_KEPT_FREE)
        if found.f_bavail * found.f_frsize < kept:
            raise WriteError(errno.ENOSPC, f"the last {sizes.show(kept)} are left to other jobs")

    return check


def _limits_of_copy(virtual_size: int, seconds: int) -> "dict[int, int]":
    """Return the limits for a program that writes a disk. It cannot write a larger file than the disk needs.

    qcow2 needs 1/8192 of the disk for L2 tables and 1/32768 for refcounts, in clusters of 64 KiB.
    """
    largest = virtual_size + (virtual_size >> 12) + (2 << 20)
    return {resource.RLIMIT_AS: _COPY_MEMORY, resource.RLIMIT_CPU: seconds, resource.RLIMIT_FSIZE: largest}


def _check(status: int, stderr: bytes, source: str, path: str, too_long: "StageError | None" = None) -> None:
    if status == -_SIGXCPU and too_long:
        raise too_long
    if status != 0:
        raise failure(status, stderr.decode("utf-8", "replace"), source, path)


def failure(status: int, stderr: str, source: str, path: str) -> "StageError | WriteError":
    """Return what qemu-img's failure means. source: the image that it read. path: the file that it wrote, or ""."""
    stderr = stderr.replace("qemu-img: ", "")
    if path:
        stderr = stderr.replace(path, "the new disk")
    message = printable("; ".join(stderr.splitlines())) or "no message"
    reading = f"Could not open '{printable(source)}'" in message or any(words in message for words in _READING)
    for code in _ERRORS:
        if f": {os.strerror(code)}" in message:
            if not reading:
                return WriteError(code, message)
            on_reading = on_share(OSError(code, os.strerror(code)), source, f"read image {printable(source)}")
            on_reading.detail = message
            return on_reading
    return TransferError(
        f"qemu-img failed (exit status {status}): {message}; if the image is damaged, qemu-img check finds it",
        detail=message,
    )
