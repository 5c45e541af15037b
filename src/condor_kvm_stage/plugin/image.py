"""What a base image is, from its first bytes. An image is untrusted input: no other program opens it before this."""

import errno
import os
import stat

from ..errors import KvmStageError, printable

# The qcow2 header (QEMU's docs/interop/qcow2, section "Header"): big-endian fields at these offsets.
_QCOW_MAGIC = b"QFI\xfb"
_VERSION = slice(4, 8)
_BACKING_FILE_OFFSET = slice(8, 16)
_INCOMPATIBLE_FEATURES = slice(72, 80)
_SHORTEST_HEADER = {2: 72, 3: 104}
_EXTERNAL_DATA_FILE = 1 << 2


class ImageError(KvmStageError):
    """The image cannot be the base of an overlay."""


def detect_format(path: str) -> str:
    """Return the format of the image at path, `raw` or `qcow2`, for `qemu-img create -F`.

    The format comes from the file's content, never from its name: `-F raw` on a qcow2 image would silently make
    a disk of the size of the file.

    Raises ImageError, also for a qcow2 image that refers to further files (a backing file, an external data
    file): through them a header could hand any file of the execution point to the guest (CVE-2024-32498).
    """
    shown = printable(path)
    header = _read_header(path, shown)
    if not header:
        raise ImageError(f"image {shown} is empty; check that it was copied to the share completely")
    if not header.startswith(_QCOW_MAGIC):
        return "raw"
    version = _number(header, _VERSION)
    if version not in _SHORTEST_HEADER:
        raise ImageError(
            f"image {shown} is qcow version {version}; versions 2 and 3 are supported; convert it: "
            f"qemu-img convert -O qcow2 {shown} new.qcow2"
        )
    if len(header) < _SHORTEST_HEADER[version]:
        raise ImageError(
            f"image {shown} ends within its qcow2 header; check that it was copied to the share completely"
        )
    if _number(header, _BACKING_FILE_OFFSET):
        raise _refers_to(shown, "a backing file")
    if version >= 3 and _number(header, _INCOMPATIBLE_FEATURES) & _EXTERNAL_DATA_FILE:
        raise _refers_to(shown, "an external data file")
    return "qcow2"


def _number(header: bytes, field: slice) -> int:
    return int.from_bytes(header[field], "big")


def _refers_to(shown: str, what: str) -> ImageError:
    return ImageError(
        f"image {shown} refers to {what}, which is not allowed for images on the share; make it self-contained: "
        f"qemu-img convert -O qcow2 {shown} new.qcow2"
    )


def _read_header(path: str, shown: str) -> bytes:
    """Return the first bytes of a regular file. Opening a FIFO or a device neither blocks nor acts."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise ImageError(f"cannot open image {shown}: {error.strerror}{_next_step(error.errno)}") from error
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise ImageError(f"image {shown} is not a regular file; name an image file, raw or qcow2")
        if not mode & stat.S_IROTH:
            # A guest whose image QEMU's user cannot open does not start, and HTCondor takes VM universe from the node.
            raise ImageError(f"image {shown} is not readable by all, so QEMU could not open it; chmod o+r {shown}")
        return os.pread(descriptor, max(_SHORTEST_HEADER.values()), 0)
    except OSError as error:
        raise ImageError(f"cannot read image {shown}: {error.strerror}{_next_step(error.errno)}") from error
    finally:
        os.close(descriptor)


def _next_step(code: "int | None") -> str:
    host = os.uname().nodename
    if code == errno.ENOENT:
        return f"; check the path in transfer_input_files, and that the share is mounted on {host}"
    if code == errno.EACCES:
        return (
            f"; let the job's user (uid {os.geteuid()}) read it: chmod o+r the file, chmod o+x every directory above it"
        )
    if code in (errno.ESTALE, errno.EIO, errno.ETIMEDOUT, errno.EHOSTDOWN):
        return f"; the share has a fault on {host}: tell its administrator"
    return ""
