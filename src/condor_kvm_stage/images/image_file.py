"""Inspect one image file, by named checks, without its backing file: where it is, who may read it, what it contains."""

import posix
import stat

from .. import sizes
from ..failures import AuthorizationError, SpecificationError
from ..installed import POLICY
from ..policy.model import StagingPolicy
from ..share import paths, patience
from ..share.faults import on_share
from ..text import printable, quoted, to_bytes
from . import formats, qemu_locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..share.child import Heartbeat
    from . import qcow2_header

# O_NONBLOCK: the file may have been replaced by a FIFO
_READ = posix.O_RDONLY | posix.O_NONBLOCK | posix.O_NOCTTY | posix.O_CLOEXEC | posix.O_NOFOLLOW
_LONGEST_PATH = 1023  # bytes; the limit for a backing file's name in a qcow2 header


class Image:
    """One file that has passed all checks."""

    __slots__ = ("backing", "format", "header", "iso", "memory", "names", "path", "size", "unverified", "virtual_size")

    def __init__(self, path: str, size: int, iso: bool, header: "qcow2_header.Header | None" = None) -> None:
        self.path = path  # absolute, without symlinks
        self.backing: Image | None = None  # its backing file
        # Files of its chain with parts that are not inspected here, so that QEMU may still refuse them
        self.unverified = [path] if header and header.unverified else []
        self.header = header  # None for a raw image
        self.format = "qcow2" if header else "raw"
        self.virtual_size = header.virtual_size if header else size  # bytes
        self.iso = iso  # whether it is an ISO image
        self.size = size  # bytes of all files of its chain
        self.memory = header.memory if header else 0  # bytes that QEMU needs for the tables in all files of its chain
        self.names = 0  # bytes of the names of snapshots and bitmaps, in all files of its chain


class Rules:
    """Under which rules a file is inspected."""

    __slots__ = ("for_all", "heartbeat", "insists", "is_job_file", "is_written", "policy", "shown")

    def __init__(
        self,
        policy: StagingPolicy,
        heartbeat: "Heartbeat",
        shown: str,
        is_job_file: bool,
        insists: bool,
        is_written: bool,
    ) -> None:
        self.policy = policy
        self.heartbeat = heartbeat
        self.shown = shown  # the file, for the beginning of a message
        self.is_job_file = is_job_file  # it need not be in image_dirs
        # QEMU will run as libvirt's user, who has no other rights on a share that squashes root
        self.for_all = not policy.guests_have_own_user and not is_job_file
        self.insists = insists  # the user says that it is raw (see formats.recognise)
        self.is_written = is_written  # a guest will write to it, so that QEMU opens it read-write


def inspect(path: str, rules: Rules) -> Image:
    """Inspect the file at an absolute path. Raises SpecificationError, AuthorizationError or ContactError."""
    shown, policy = rules.shown, rules.policy
    resolved = paths.resolve(path, f"open {shown}", rules.for_all)
    if not (path + resolved.path).isprintable() or len(to_bytes(resolved.path)) > _LONGEST_PATH:
        # bytes that are not UTF-8 are surrogates in Python, which are not printable
        raise SpecificationError(
            f"{shown} has a path that libvirt or QEMU would not accept; rename it: printable characters in UTF-8, "
            f"at most {_LONGEST_PATH} bytes",
            check="image_path",
        )
    if policy.image_dirs and not rules.is_job_file and not paths.lies_under(resolved.path, policy.image_dirs):
        allowed = printable(", ".join(policy.image_dirs))
        raise AuthorizationError(
            f"{shown} is outside the directories for images ({allowed}), at {printable(resolved.path)}; "
            f"move it there, or ask the administrator of {posix.uname().nodename} to add its directory to image_dirs "
            f"in {POLICY}",
            check="image_dirs",
        )
    return _open(resolved, rules)


def _open(file: paths.Resolved, rules: Rules) -> Image:
    shown = rules.shown
    if not stat.S_ISREG(file.status.st_mode):  # before it is opened: opening a device can have side effects
        raise SpecificationError(f"{shown} is not a regular file; name an image file, raw or qcow2", check="file_type")
    try:
        descriptor = patience.granted(
            lambda: posix.open(file.path, _READ), file.path, rules.policy.timeout, rules.heartbeat
        )
    except OSError as error:
        forbidden = AuthorizationError(
            f"{shown} is not readable for the job's user (uid {posix.geteuid()}); its owner must allow that: "
            f"chmod or setfacl, for {quoted(file.path)}",
            check="readable",
            code=error.errno or 0,
        )
        raise on_share(error, file.path, f"open {shown}", forbidden) from error
    try:
        try:
            head, tail, size = _read(descriptor, file.path, rules)
            return _content(descriptor, head, tail, size, file.path, rules)
        finally:
            posix.close(descriptor)
    except OSError as error:
        raise on_share(error, file.path, f"read {shown}") from error


def _read(descriptor: int, path: str, rules: Rules) -> "tuple[bytes, bytes, int]":
    """Return an open file's first and last bytes, and its size."""
    shown = rules.shown
    status = posix.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise SpecificationError(f"{shown} is no longer a regular file; try again", check="file_type")
    if rules.for_all and not status.st_mode & stat.S_IROTH:
        # A guest whose image QEMU's user cannot open does not start, and HTCondor then disables VM universe here.
        raise AuthorizationError(
            f"{shown} is not readable by all, so QEMU, which runs as a different user, could not open it; its owner "
            f"must run: chmod o+r {quoted(path)}",
            check="readable",
        )
    rules.heartbeat("lock")
    lock_fault = patience.granted(
        lambda: qemu_locks.find_fault(descriptor, path, shown), path, rules.policy.timeout, rules.heartbeat
    )
    if lock_fault:
        raise lock_fault  # the guest would not start
    rules.heartbeat("inspect")
    if not status.st_size:
        raise SpecificationError(f"{shown} is empty; check that it was copied to the share completely", check="empty")
    # No read-ahead: it would read 132 KiB from the share instead of 35, on each of many nodes
    posix.posix_fadvise(descriptor, 0, 0, posix.POSIX_FADV_RANDOM)
    head = posix.pread(descriptor, formats.HEAD, 0)
    tail = posix.pread(descriptor, formats.TAIL, max(0, status.st_size - formats.TAIL))
    return head, tail, status.st_size


def _content(descriptor: int, head: bytes, tail: bytes, size: int, path: str, rules: Rules) -> Image:
    """Inspect what an open file contains: its format, its header, and whether it is complete."""
    policy, shown = rules.policy, rules.shown
    if formats.recognise(head, tail, shown, quoted(path), rules.insists) == "qcow2":
        from . import qcow2_end, qcow2_header  # these modules take 1 ms; a raw image does not need them

        def read(offset: int, length: int) -> bytes:
            return posix.pread(descriptor, length, offset)

        header = qcow2_header.read(head, size, policy.virtual_size, shown, quoted(path), rules.is_written)
        image = Image(path, size, False, header)
        if header.snapshots or header.bitmaps:
            from . import checker, qcow2_tables

            check = checker.Checker(shown, quoted(path))
            limits = policy.bitmaps, policy.snapshots
            image.names, image.memory = qcow2_tables.check_tables(read, size, header, limits, check)
        qcow2_end.check_end(read, head, size, header.bitmaps, shown, quoted(path))
        return image
    from . import raw_end

    raw_end.check_end(head, size, shown, quoted(path))
    if size > policy.virtual_size:
        from .checker import too_large

        raise SpecificationError(
            f"{shown} is a disk of {sizes.show(size)}; {too_large(policy.virtual_size)}",
            check="virtual_size",
        )
    return Image(path, size, formats.is_iso(head))
