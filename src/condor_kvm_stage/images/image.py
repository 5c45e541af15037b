"""Inspect an image and each file of its backing chain, by named checks. Images are untrusted input.

No other program opens an image before it has passed. The checks are listed in vm-nfs-plugin(1).
"""

import posix
import stat

from .. import sizes
from ..failures import AuthorizationError, SpecificationError, on_share
from ..installed import POLICY
from ..policy.model import StagingPolicy
from ..share import paths
from ..text import printable, quoted, to_bytes
from . import formats, qemu_locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..share.child import Heartbeat
    from . import qcow2_header


# O_NONBLOCK: the file may have been replaced by a FIFO
_READ = posix.O_RDONLY | posix.O_NONBLOCK | posix.O_NOCTTY | posix.O_CLOEXEC | posix.O_NOFOLLOW
# Bytes of tables that QEMU may have to keep in memory for all files of a chain, and for all disks of a job. Without
# snapshots and bitmaps it is about 1/8 MiB for each TiB; with clusters of 512 bytes, which nobody uses, 16 MiB.
MOST_MEMORY = 64 << 20
_LONGEST_PATH = 1023  # bytes; the limit for a backing file's name in a qcow2 header


class Image:
    """One file that has passed all checks."""

    __slots__ = ("backing", "format", "header", "iso", "memory", "names", "path", "unverified", "virtual_size")

    def __init__(self, path: str, size: int, iso: bool, header: "qcow2_header.Header | None" = None) -> None:
        self.path = path  # absolute, without symlinks
        self.backing: Image | None = None  # its backing file
        # Files of its chain with parts that are not inspected here, so that QEMU may still refuse them
        self.unverified = [path] if header and header.unverified else []
        self.header = header  # None for a raw image
        self.format = "qcow2" if header else "raw"
        self.virtual_size = header.virtual_size if header else size  # bytes
        self.iso = iso  # whether it is an ISO image
        self.memory = header.memory if header else 0  # bytes that QEMU needs for the tables in all files of its chain
        self.names = 0  # bytes of the names of snapshots and bitmaps, in all files of its chain


class JobFile:
    """Says that an image is the job's own file: it need be neither in image_dirs nor readable by all."""

    __slots__ = ("is_written", "moved_from", "shown")

    def __init__(self, shown: str, moved_from: str = "", is_written: bool = False) -> None:
        self.shown = shown  # the file, for the beginning of a message
        self.is_written = is_written  # whether a guest will write to it, so that QEMU opens it read-write
        self.moved_from = moved_from  # directory that a relative backing file name refers to, "" for the file's own


def inspect(
    path: str,
    policy: StagingPolicy,
    heartbeat: "Heartbeat",
    job_file: "JobFile | None" = None,
    insists: bool = False,
) -> Image:
    """Inspect the image at an absolute path, and every file of its backing chain. Returns the one at the path.

    The format comes from each file's content: `qemu-img create -F raw` on a qcow2 image would silently make a disk of
    the size of the file, and through a header that is trusted a guest can read any file of the node (CVE-2024-32498).
    heartbeat: called for each file. job_file: given if the image is not a base image but the job's own file. insists:
    the user says that it is raw (see formats.recognise).

    Raises SpecificationError, AuthorizationError or ContactError.
    """
    heartbeat("inspect")
    what = shown = job_file.shown if job_file else f"image {printable(path)}"
    is_written = job_file is not None and job_file.is_written
    top = current = _inspect_one(path, policy, shown, job_file is not None, insists, is_written)
    # The name by which QEMU opens the file; for a base image that is the path without symlinks
    opened = f"{job_file.moved_from}/." if job_file and job_file.moved_from else top.path
    # Compared by name: a loop through two names of one file (hard links) ends as well, at chain_depth
    visited = {top.path}
    while current.header and current.header.backing:
        heartbeat("inspect")
        above = current.header
        # A relative name refers to the directory of the name by which QEMU opened the file that contains it. If that
        # name is a symlink, this is the directory of the symlink, not that of its target.
        name = _relative_to(opened, above.backing)
        user = current.path
        shown = f"backing file {printable(name)} of {printable(user)}"
        # The overlay of a base image that was staged as raw is the job's own file
        insists = job_file is not None and above.backing_format == "raw"
        backing = _inspect_one(name, policy, shown, False, insists)
        current.backing = backing
        current, opened = backing, name
        if current.format != above.backing_format:
            raise SpecificationError(
                f"{shown} is {current.format}, but its overlay says {above.backing_format}; qemu-img rebase -u -F "
                f"{current.format} -b {quoted(above.backing)} {quoted(user)}",
                check="backing_format",
            )
        if current.path in visited:
            raise SpecificationError(
                f"{shown}: the backing chain is a loop; recreate the image from its source", check="chain_loop"
            )
        visited.add(current.path)
        top.unverified += current.unverified
        top.names += current.names
        top.memory += current.memory
        if len(visited) > policy.chain_depth:
            raise SpecificationError(
                f"image {printable(path)} has a backing chain of more than {policy.chain_depth} files; flatten it: "
                f"qemu-img convert -O qcow2 {quoted(path)} new.qcow2",
                check="chain_depth",
            )
    if top.memory > MOST_MEMORY:
        raise SpecificationError(
            f"{what} and its backing files have tables of {top.memory >> 20} MiB, which QEMU would "
            f"keep in memory (at most {MOST_MEMORY >> 20} MiB); flatten it, with larger clusters: qemu-img convert -O "
            f"qcow2 {quoted(path)} new.qcow2",
            check="open_cost",
        )
    return top


def _relative_to(path: str, name: str) -> str:
    """Return the path of a name that is relative to the directory of an absolute path."""
    return name if name.startswith("/") else path.rpartition("/")[0] + "/" + name


def _inspect_one(
    path: str, policy: StagingPolicy, shown: str, is_job_file: bool, insists: bool, is_written: bool = False
) -> Image:
    resolved = paths.resolve(path, f"open {shown}", for_all=not is_job_file)
    if not (path + resolved.path).isprintable() or len(to_bytes(resolved.path)) > _LONGEST_PATH:
        # bytes that are not UTF-8 are surrogates in Python, which are not printable
        raise SpecificationError(
            f"{shown} has a path that libvirt or QEMU would not accept; rename it: printable characters in UTF-8, "
            f"at most {_LONGEST_PATH} bytes",
            check="image_path",
        )
    if policy.image_dirs and not is_job_file and not paths.lies_under(resolved.path, policy.image_dirs):
        allowed = printable(", ".join(policy.image_dirs))
        raise AuthorizationError(
            f"{shown} is outside the directories for images ({allowed}), at {printable(resolved.path)}; "
            f"move it there, or ask the administrator of {posix.uname().nodename} to add its directory to image_dirs "
            f"in {POLICY}",
            check="image_dirs",
        )
    return _open(resolved, policy, shown, is_job_file, insists, is_written)


def _open(
    file: paths.Resolved, policy: StagingPolicy, shown: str, is_job_file: bool, insists: bool, is_written: bool
) -> Image:
    if not stat.S_ISREG(file.status.st_mode):  # before it is opened: opening a device can have side effects
        raise SpecificationError(f"{shown} is not a regular file; name an image file, raw or qcow2", check="file_type")
    try:
        descriptor = posix.open(file.path, _READ)
    except PermissionError as error:
        raise _unreadable(file.path, shown, "the job's user could not open it", error.errno or 0) from error
    except OSError as error:
        raise on_share(error, f"open {shown}") from error
    try:
        try:
            head, tail, size = _read(descriptor, file.path, shown, is_job_file)
            return _content(descriptor, head, tail, size, file.path, policy, shown, insists, is_written)
        finally:
            posix.close(descriptor)
    except OSError as error:
        raise on_share(error, f"read {shown}") from error


def _read(descriptor: int, path: str, shown: str, is_job_file: bool) -> "tuple[bytes, bytes, int]":
    """Return an open file's first and last bytes, and its size."""
    status = posix.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise SpecificationError(f"{shown} is no longer a regular file; try again", check="file_type")
    if not is_job_file and not status.st_mode & stat.S_IROTH:
        # A guest whose image QEMU's user cannot open does not start, and HTCondor then disables VM universe here.
        raise _unreadable(path, shown, "QEMU, which runs as a different user, could not open it", 0)
    lock_fault = qemu_locks.find_fault(descriptor, shown)
    if lock_fault:
        raise lock_fault  # the guest would not start
    if not status.st_size:
        raise SpecificationError(f"{shown} is empty; check that it was copied to the share completely", check="empty")
    # No read-ahead: it would read 132 KiB from the share instead of 35, on each of many nodes
    posix.posix_fadvise(descriptor, 0, 0, posix.POSIX_FADV_RANDOM)
    head = posix.pread(descriptor, formats.HEAD, 0)
    tail = posix.pread(descriptor, formats.TAIL, max(0, status.st_size - formats.TAIL))
    return head, tail, status.st_size


def _content(
    descriptor: int,
    head: bytes,
    tail: bytes,
    size: int,
    path: str,
    policy: StagingPolicy,
    shown: str,
    insists: bool,
    is_written: bool,
) -> Image:
    """Inspect what an open file contains: its format, its header, and whether it is complete."""
    if formats.recognise(head, tail, shown, quoted(path), insists) == "qcow2":
        from . import qcow2_end, qcow2_header  # these modules take 1 ms; a raw image does not need them

        def read(offset: int, length: int) -> bytes:
            return posix.pread(descriptor, length, offset)

        header = qcow2_header.read(head, size, policy.virtual_size, shown, quoted(path), is_written)
        image = Image(path, size, False, header)
        if header.snapshots or header.bitmaps:
            from . import checker, qcow2_tables

            check = checker.Checker(shown, quoted(path))
            limits = policy.bitmaps, policy.snapshots
            image.names, image.memory = qcow2_tables.check_tables(read, size, header, limits, check)
        qcow2_end.check_end(read, head, size, shown, quoted(path))
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


def _unreadable(path: str, shown: str, consequence: str, code: int) -> AuthorizationError:
    return AuthorizationError(
        f"{shown} is not readable by all, so {consequence}; its owner must run: chmod o+r {quoted(path)}",
        check="readable",
        code=code,
    )
