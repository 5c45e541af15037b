"""What the checks of an image have in common: reading a field, and refusing an image with what helps."""

import posix

from .. import sizes
from ..failures import SpecificationError
from ..installed import POLICY

# QEMU does not open what most of the checks refuse, so it cannot help either.
ANEW = "make it anew from its source"
CONVERT = "qemu-img convert -O qcow2 {} new.qcow2"
DECRYPT = "make one that is not, by qemu-img convert with its key"
COPY_AGAIN = "check that it was copied to the share completely: qemu-img check {}"
REPAIR = "qemu-img check -r all {}"
OTHER_FILE = "keeps its data in another file, which could be any file of the node"


class Checker:
    """Raises SpecificationError for a named check that does not hold.

    what: the file, as messages begin with it. path: the same for a command in a shell.
    """

    def __init__(self, what: str, path: str) -> None:
        self.what = what
        self.path = path

    def __call__(self, holds: bool, name: str, reason: str, step: str) -> None:
        if not holds:
            raise SpecificationError(f"{self.what} {reason}; {step.format(self.path)}", check=name)


def number(data: bytes, offset: int, length: int) -> int:
    """Return a field of a header: big-endian, unsigned."""
    return int.from_bytes(data[offset : offset + length], "big")


def too_large(largest: int) -> str:
    """Return what to do about a disk that is larger than policy allows."""
    return (
        f"at most {sizes.show(largest)} are allowed here; make it smaller, or ask the administrator of "
        f"{posix.uname().nodename} to raise virtual_size in {POLICY}"
    )
