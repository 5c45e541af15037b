"""Helpers for the checks of an image: read fields of a qcow2 header, and refuse an image with advice."""

import posix

from .. import sizes
from ..failures import SpecificationError
from ..installed import POLICY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    # Returns bytes of the file: from an offset, so many, or those that there are
    Read = Callable[[int, int], bytes]

# What to do about an image that is refused. QEMU rejects most of these images too, so it cannot repair them.
RECREATE = "recreate it from its source"
CONVERT = "qemu-img convert -O qcow2 {} new.qcow2"
DECRYPT = "decrypt it with qemu-img convert and its key"
COPY_AGAIN = "check that it was copied to the share completely: qemu-img check {}"
REPAIR = "qemu-img check -r all {}"
# A reason
OTHER_FILE = "keeps its data in another file, which could be any file of the node"

EXTENDED_L2 = 1 << 4  # of the incompatible features
HAS_BITMAPS = 1 << 0  # of the autoclear features


class Checker:
    """Raises SpecificationError for a named check that fails."""

    def __init__(self, what: str, path: str) -> None:
        self.what = what  # the file, for the beginning of a message
        self.path = path  # the same, quoted for a shell command

    def __call__(self, holds: bool, name: str, reason: str, step: str) -> None:
        if not holds:
            raise SpecificationError(f"{self.what} {reason}; {step.format(self.path)}", check=name)


def number(data: bytes, offset: int, length: int) -> int:
    """Return a field of a header: big-endian, unsigned."""
    return int.from_bytes(data[offset : offset + length], "big")


# Version 2 of qcow2 has a shorter header: at the offsets of these fields it can have anything.


def incompatible_features(head: bytes) -> int:
    """Return the features that a program must know to open a qcow2 image, a bit each."""
    return number(head, 72, 8) if is_v3(head) else 0


def autoclear_features(head: bytes) -> int:
    """Return the features that a program which does not know them must clear, a bit each."""
    return number(head, 88, 8) if is_v3(head) else 0


def refcount_order(head: bytes) -> int:
    """Return the binary logarithm of a refcount's width in bits."""
    return number(head, 96, 4) if is_v3(head) else 4


def is_v3(head: bytes) -> bool:
    """Return whether a qcow2 header has version 3."""
    return number(head, 4, 4) == 3


def too_large(largest: int) -> str:
    """Return the end of a message: what to do about a disk that is larger than policy allows."""
    return (
        f"at most {sizes.show(largest)} are allowed here; make it smaller, or ask the administrator of "
        f"{posix.uname().nodename} to raise virtual_size in {POLICY}"
    )
