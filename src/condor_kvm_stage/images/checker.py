"""Helpers for the checks of an image: read a header field, and refuse an image with advice."""

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


def too_large(largest: int) -> str:
    """Return the end of a message: what to do about a disk that is larger than policy allows."""
    return (
        f"at most {sizes.show(largest)} are allowed here; make it smaller, or ask the administrator of "
        f"{posix.uname().nodename} to raise virtual_size in {POLICY}"
    )
