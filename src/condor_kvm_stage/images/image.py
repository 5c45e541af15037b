"""Inspect an image and each file of its backing chain. Images are untrusted input.

No other program opens an image before it has passed. The checks are listed in vm-nfs-plugin(1).
"""

from ..failures import SpecificationError
from ..policy.model import StagingPolicy
from ..text import printable, quoted
from . import image_file
from .image_file import Image, Rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..share.child import Heartbeat

# Bytes of tables that QEMU may have to keep in memory for all files of a chain, and for all disks of a job. Without
# snapshots and bitmaps it is about 1/8 MiB for each TiB; with clusters of 512 bytes, which nobody uses, 16 MiB.
MOST_MEMORY = 64 << 20


class JobFile:
    """Says that an image is the job's own file: it need not be in image_dirs."""

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
    top = current = image_file.inspect(path, Rules(policy, heartbeat, shown, job_file is not None, insists, is_written))
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
        backing = image_file.inspect(name, Rules(policy, heartbeat, shown, False, insists, False))
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
        top.size += current.size
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
            check="cost",
        )
    return top


def _relative_to(path: str, name: str) -> str:
    """Return the path of a name that is relative to the directory of an absolute path."""
    return name if name.startswith("/") else path.rpartition("/")[0] + "/" + name
