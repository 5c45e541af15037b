"""Stage one image: from what the URL asks for to the disk in the scratch directory."""

import os

from .. import sizes
from ..errors import printable
from ..schema import Staging
from . import image, mounts, publish, qemu_img
from .failure import SCRATCH, ParameterError, SpecificationError
from .url import StageUrl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .supervise import Beat


def stage(wanted: StageUrl, scratch: str, policy: Staging, beat: "Beat") -> int:
    """Make the disk that `wanted` names in the directory `scratch` (absolute path). Returns its file's size in bytes.

    Nothing is synced to the disk, for the scratch directory does not outlive the node. beat: called at each step.
    Raises StageError; no file is left then.
    """
    path = mounts.local_path(wanted.server, wanted.path, mounts.read()) if wanted.server else wanted.path
    base = image.inspect(path, policy, beat)
    _check(wanted, base, policy)
    beat("create")

    def make(temporary: str) -> None:
        if wanted.copy:
            qemu_img.convert(temporary, base.path, base.format, beat)
            if wanted.size:
                qemu_img.resize(temporary, wanted.size, beat)
        else:
            # The path without symlinks: one that is moved to another image must not change the disk under a guest.
            qemu_img.create_overlay(temporary, base.path, base.format, wanted.size, beat)
        beat("publish")

    return publish.publish(scratch, wanted.name, SCRATCH, make)


def _check(wanted: StageUrl, base: image.Image, policy: Staging) -> None:
    """Refuse an image that is not what the URL says, or a disk that HTCondor or QEMU would not take."""
    shown = printable(base.path)
    if wanted.format not in ("", base.format):
        raise SpecificationError(
            f"image {shown} is {base.format}, but the URL says format={wanted.format}; "
            f"write format={base.format} if that is what you want",
            check="format_mismatch",
        )
    if "iso" in wanted.name and not base.iso:
        raise ParameterError(
            f"the name '{wanted.name}' contains 'iso', so HTCondor would make it a CD-ROM, but {shown} is no ISO "
            "image; choose another name, after a colon and in vm_disk"
        )
    if wanted.size and wanted.size < base.virtual_size:
        raise ParameterError(
            f"size={sizes.show(wanted.size)} would cut {shown}, a disk of {sizes.show(base.virtual_size)}; "
            "write a larger size, or none"
        )
    if wanted.size > policy.virtual_size:
        raise ParameterError(
            f"size={sizes.show(wanted.size)} is more than the {sizes.show(policy.virtual_size)} that "
            f"{os.uname().nodename} allows; write a smaller size"
        )
