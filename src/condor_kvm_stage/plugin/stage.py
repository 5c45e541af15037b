"""Stage one image: make the disk that the URL asks for in the scratch directory."""

import posix

from .. import sizes
from ..failures import SCRATCH, ParameterError, SpecificationError
from ..images import image, qcow2_overlay
from ..images.image_file import Image
from ..policy.model import StagingPolicy
from ..text import printable
from . import publish
from .url import StageUrl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..share.child import Heartbeat


def stage(wanted: StageUrl, scratch: str, policy: StagingPolicy, heartbeat: "Heartbeat") -> int:
    """Make the disk that `wanted` names in the directory `scratch` (absolute path). Returns its file's size in bytes.

    Nothing is synced to disk, because the scratch directory does not survive a crash of the node. heartbeat: called at
    each step. Raises StageError; no file is left then.
    """
    path = _local_path(wanted)
    try:
        base = image.inspect(path, policy, heartbeat, insists=wanted.format == "raw")
    except SpecificationError as error:
        from ..share.mounts import not_mounted
        from .url_hints import not_found

        missing = not_mounted(error, path) if error.code else None
        raise missing or not_found(error, path, wanted.name) from error
    _check(wanted, base, policy)
    if base.unverified:
        _let_qemu_check(base.unverified, policy.timeout, heartbeat)
    heartbeat("create")

    def make(file: int) -> None:
        if wanted.copy:
            _copy(base, wanted.size, publish.path_of(file), heartbeat)
        else:
            # The path without symlinks: redirecting a symlink must not change the disk under a guest.
            qcow2_overlay.write(file, base.path, base.format, wanted.size or base.virtual_size)
        heartbeat("publish")

    return publish.publish(scratch, wanted.name, SCRATCH, make)


def _local_path(wanted: StageUrl) -> str:
    if not wanted.server:
        return wanted.path
    from ..share import mounts

    return mounts.local_path(wanted.server, wanted.path, mounts.read())


def _let_qemu_check(paths: "list[str]", seconds: float, heartbeat: "Heartbeat") -> None:
    """Detect now what would prevent a guest from starting, for example a damaged snapshot table."""
    from ..images import qemu_img

    for path in paths:
        qemu_img.try_to_open(path, seconds, heartbeat)


def _copy(base: Image, size: int, path: str, heartbeat: "Heartbeat") -> None:
    from ..images import qemu_img

    qemu_img.convert(path, base, heartbeat, in_scratch=True)
    if size:
        qemu_img.resize(path, size, heartbeat)


def _check(wanted: StageUrl, base: Image, policy: StagingPolicy) -> None:
    """Refuse an image that is not what the URL says, or a disk that HTCondor or QEMU would not accept."""
    shown = printable(base.path)
    if wanted.format not in ("", base.format):
        raise SpecificationError(
            f"image {shown} is {base.format}, but the URL says format={wanted.format}; "
            f"write format={base.format} if that is what you want",
            check="format_mismatch",
        )
    if "iso" in wanted.name and not base.iso:
        raise ParameterError(
            f"the name '{wanted.name}' contains 'iso', so HTCondor would make it a CD-ROM, but {shown} is not an "
            "ISO image; choose another name, after a colon and in vm_disk"
        )
    if wanted.size and wanted.size < base.virtual_size:
        raise ParameterError(
            f"size={sizes.show(wanted.size)} would cut {shown}, a disk of {sizes.show(base.virtual_size)}; "
            "write a larger size, or omit it"
        )
    if wanted.size > policy.virtual_size:
        raise ParameterError(
            f"size={sizes.show(wanted.size)} is more than the {sizes.show(policy.virtual_size)} that "
            f"{posix.uname().nodename} allows; write a smaller size"
        )
    size = wanted.size or base.virtual_size
    if size > qcow2_overlay.LARGEST and not wanted.copy:
        raise SpecificationError(
            f"an overlay of {shown} would be a disk of {sizes.show(size)}, but at most "
            f"{sizes.show(qcow2_overlay.LARGEST)} are possible; use a smaller one",
            check="virtual_size",
        )
