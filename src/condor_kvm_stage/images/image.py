"""What a base image is: its file, and each file of its backing chain, by named checks. An image is untrusted input.

No other program opens an image before this has found it sound. The checks are listed in vm-nfs-plugin(1).
"""

import posix
import stat

from .. import sizes
from ..failures import AuthorizationError, ContactError, SpecificationError, on_share
from ..installed import POLICY
from ..policy.model import StagingPolicy
from ..share import paths
from ..text import printable, quoted, to_bytes
from . import formats, qemu_locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..share.child import Heartbeat
    from . import qcow2_header


# Without waiting, should it be a FIFO by now
_READ = posix.O_RDONLY | posix.O_NONBLOCK | posix.O_NOCTTY | posix.O_CLOEXEC | posix.O_NOFOLLOW
_LONGEST_PATH = 1023  # bytes: a backing file's name in a qcow2 header


class Image:
    """One sound file: its path without symlinks, `raw` or `qcow2`, its disk's bytes, whether it is an ISO image.

    backing: its backing file, None without one. for_qemu: paths of those files of its chain that have more than is
    inspected here, so that QEMU may refuse them.
    """

    __slots__ = ("backing", "for_qemu", "format", "header", "iso", "path", "virtual_size")

    def __init__(self, path: str, size: int, iso: bool, header: "qcow2_header.Header | None" = None) -> None:
        self.path = path
        self.backing: Image | None = None
        self.for_qemu = [path] if header and header.more else []
        self.header = header
        self.format = "qcow2" if header else "raw"
        self.virtual_size = header.virtual_size if header else size
        self.iso = iso


def inspect(path: str, policy: StagingPolicy, heartbeat: "Heartbeat", own: str = "", beside: str = "") -> Image:
    """Inspect the image at an absolute path, and every file of its backing chain. Returns the one at the path.

    The format comes from each file's content: `qemu-img create -F raw` on a qcow2 image would silently make a disk of
    the size of the file, and through a header that is believed a guest reads any file of the node (CVE-2024-32498).
    heartbeat: called for each file. own: what messages call the file at path itself if it is the job's own, "" if it is
    not; such a file need be neither in image_dirs nor readable by all. beside: the directory that its backing file's
    relative name counts from, if another than its own.

    Raises SpecificationError, AuthorizationError or ContactError.
    """
    heartbeat("inspect")
    top = current = _inspect_one(path, policy, own or f"image {printable(path)}", bool(own))
    opened = (
        f"{beside}/." if beside else top.path
    )  # as QEMU has its name: to the image's own it gets the path without symlinks
    # by name: two names of one file (hard links) come to an end as well, at chain_depth
    seen = {top.path}
    while current.header and current.header.backing:
        heartbeat("inspect")
        above = current.header
        # A relative name is relative to the directory of the name by which QEMU opened the file that it stands in. Of a
        # backing file that is a symlink, this is the directory of the symlink, not that of its target.
        name = _beside(opened, above.backing)
        user = current.path
        shown = f"backing file {printable(name)} of {printable(user)}"
        found = _inspect_one(name, policy, shown, False)
        current.backing = found
        current, opened = found, name
        if current.format != above.backing_format:
            raise SpecificationError(
                f"{shown} is {current.format}, but that says {above.backing_format}; qemu-img rebase -u -F "
                f"{current.format} -b {quoted(above.backing)} {quoted(user)}",
                check="backing_format",
            )
        if current.path in seen:
            raise SpecificationError(
                f"{shown}: the backing chain is a loop; make the image anew from its source", check="chain_loop"
            )
        seen.add(current.path)
        top.for_qemu += current.for_qemu
        if len(seen) > policy.chain_depth:
            raise SpecificationError(
                f"image {printable(path)} has a backing chain of more than {policy.chain_depth} files; make it one: "
                f"qemu-img convert -O qcow2 {quoted(path)} new.qcow2",
                check="chain_depth",
            )
    return top


def _beside(path: str, name: str) -> str:
    """Return a name as it is seen from the directory of an absolute path."""
    return name if name.startswith("/") else path.rpartition("/")[0] + "/" + name


def _inspect_one(path: str, policy: StagingPolicy, shown: str, anywhere: bool) -> Image:
    place = paths.resolve(path, f"open {shown}", for_all=not anywhere)
    if not (path + place.path).isprintable() or len(to_bytes(place.path)) > _LONGEST_PATH:
        # in Python, surrogates stand for what is no UTF-8
        raise SpecificationError(
            f"{shown} has a path that libvirt or QEMU could not take; rename it: printable characters in UTF-8, at "
            f"most {_LONGEST_PATH} bytes",
            check="image_path",
        )
    if policy.image_dirs and not anywhere and not paths.lies_under(place.path, policy.image_dirs):
        allowed = printable(", ".join(policy.image_dirs))
        raise AuthorizationError(
            f"{shown} lies outside of the directories for images ({allowed}), at {printable(place.path)}; "
            f"put it there, or ask the administrator of {posix.uname().nodename} to add its directory to image_dirs in "
            f"{POLICY}",
            check="image_dirs",
        )
    head, tail, size = _read(place, shown, anywhere)
    if formats.recognise(head, tail, shown, quoted(place.path)) == "qcow2":
        from . import qcow2_header  # three modules, which take 1 ms and a raw image does not need

        header = qcow2_header.read(head, size, policy.virtual_size, shown, quoted(place.path))
        return Image(place.path, size, False, header)
    if size > policy.virtual_size:
        from .checker import too_large

        raise SpecificationError(
            f"{shown} is a disk of {sizes.show(size)}; {too_large(policy.virtual_size)}",
            check="virtual_size",
        )
    return Image(place.path, size, formats.is_iso(head))


def _read(place: paths.Resolved, shown: str, anywhere: bool) -> "tuple[bytes, bytes, int]":
    """Return a regular file's first and last bytes, and its size."""
    if not stat.S_ISREG(place.status.st_mode):  # before it is opened: to open a device may already act
        raise SpecificationError(f"{shown} is not a regular file; name an image file, raw or qcow2", check="file_type")
    try:
        descriptor = posix.open(place.path, _READ)
    except PermissionError as error:
        raise _unreadable(place.path, shown, "the job's user could not open it", error.errno or 0) from error
    except OSError as error:
        raise on_share(error, f"open {shown}") from error
    try:
        return _read_open(descriptor, place.path, shown, anywhere)
    except OSError as error:
        raise on_share(error, f"read {shown}") from error


def _read_open(descriptor: int, path: str, shown: str, anywhere: bool) -> "tuple[bytes, bytes, int]":
    """As above, of an open file, which is closed then: that too can fail, on a share that has died meanwhile."""
    try:
        status = posix.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise SpecificationError(f"{shown} is not a regular file any more; try again", check="file_type")
        if not anywhere and not status.st_mode & stat.S_IROTH:
            # A guest whose image QEMU's user cannot open does not start, and HTCondor takes VM universe from the node.
            raise _unreadable(path, shown, "QEMU, which runs as a user of its own, could not open it", 0)
        if qemu_locks.is_written(descriptor):
            raise ContactError(  # nor would this one start
                f"{shown} is open for writing in another program, most often QEMU, which has it locked, so no "
                "guest could read it; try again when that has ended",
                check="in_use",
            )
        if not status.st_size:
            raise SpecificationError(
                f"{shown} is empty; check that it was copied to the share completely", check="empty"
            )
        # Without reading ahead, which is 132 KiB from the share for the 35 that are asked for, on each of many nodes
        posix.posix_fadvise(descriptor, 0, 0, posix.POSIX_FADV_RANDOM)
        head = posix.pread(descriptor, formats.HEAD, 0)
        tail = posix.pread(descriptor, formats.TAIL, max(0, status.st_size - formats.TAIL))
        return head, tail, status.st_size
    finally:
        posix.close(descriptor)


def _unreadable(path: str, shown: str, consequence: str, code: int) -> AuthorizationError:
    return AuthorizationError(
        f"{shown} is not readable by all, so {consequence}; its owner must run: chmod o+r {quoted(path)}",
        check="readable",
        code=code,
    )
