"""Put an overlay into the scratch directory: complete under its name, or not at all."""

import os

from ..errors import KvmStageError, printable
from . import image, qemu_img
from .url import StageUrl


class OverlayError(KvmStageError):
    """The scratch directory does not take the overlay."""


def stage(wanted: StageUrl, scratch: str) -> int:
    """Make the overlay that `wanted` names in the directory `scratch` (absolute path). Returns its size in bytes.

    The overlay is made under a temporary name and then linked to its own: linking is atomic, and unlike renaming
    it never replaces a file. Nothing is synced to the disk, for the scratch directory does not outlive the node.

    Raises ImageError, QemuImgError or OverlayError; no file is left then. A killed plug-in can leave the temporary
    dot-file, which HTCondor removes with the scratch directory.
    """
    base_format = image.detect_format(wanted.image)
    target = os.path.join(scratch, wanted.name)
    temporary = os.path.join(scratch, f".vm-nfs-plugin.{os.getpid()}.tmp")
    try:
        qemu_img.create_overlay(temporary, wanted.image, base_format)
        os.link(temporary, target)
        return os.stat(target).st_size
    except FileExistsError as error:
        raise OverlayError(
            f"{printable(target)} exists already and is not overwritten; "
            "choose another name in transfer_input_files and vm_disk"
        ) from error
    except OSError as error:
        raise OverlayError(
            f"cannot create {printable(target)}: {error.strerror}; check the scratch directory on {os.uname().nodename}"
        ) from error
    finally:
        try:
            os.unlink(temporary)
        except FileNotFoundError:
            pass  # qemu-img failed before it made the file
