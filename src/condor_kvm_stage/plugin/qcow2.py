"""A qcow2 image's header, read by us before any other program opens the file. Each check has a name.

The header is specified in QEMU's docs/interop/qcow2; the limits are those of QEMU's block/qcow2.h. What passes here
QEMU opens, and what it then opens besides is what `backing` says.
"""

import os

from .. import sizes
from ..errors import printable
from .failure import SpecificationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_V2_LENGTH, _V3_LENGTH = 72, 104
_DIRTY, _CORRUPT, _DATA_FILE, _COMPRESSION, _EXTENDED_L2 = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4
_KNOWN = _DIRTY | _CORRUPT | _DATA_FILE | _COMPRESSION | _EXTENDED_L2
_ZLIB, _ZSTD = 0, 1
_END, _BACKING_FORMAT, _ENCRYPTION, _DATA_FILE_NAME = 0, 0xE2792ACA, 0x0537BE77, 0x44415441
_MAX_NAME = 1023
_MAX_L1, _MAX_REFCOUNT_TABLE, _MAX_SNAPSHOTS = 32 << 20, 8 << 20, 65536


class Header:
    """virtual_size: of the disk, bytes. backing: the name of the backing file as it stands there, "" for none.

    backing_format: `raw` or `qcow2`, "" without a backing file.
    """

    __slots__ = ("backing", "backing_format", "virtual_size")

    def __init__(self, virtual_size: int, backing: str, backing_format: str) -> None:
        self.virtual_size = virtual_size
        self.backing = backing
        self.backing_format = backing_format


def read(head: bytes, size: int, largest: int, what: str, path: str) -> Header:
    """Read the header of a file that has `size` bytes and begins with `head` (formats.HEAD bytes or all).

    largest: the virtual size that is allowed, bytes. what, path: the file, for messages.

    Raises SpecificationError, whose `check` is the name of the check that failed.
    """
    check = _Checker(what, path)
    version = _number(head, 4, 4) if len(head) >= 8 else 0
    check(len(head) >= _V2_LENGTH, "truncated", "ends within its qcow2 header", _COPY_AGAIN)
    check(version in (2, 3), "version", f"is qcow2 version {version}; versions 2 and 3 are known", _CONVERT)
    length = _V2_LENGTH
    if version == 3:
        check(len(head) >= _V3_LENGTH, "truncated", "ends within its qcow2 header", _COPY_AGAIN)
        length = _number(head, 100, 4)
    cluster_bits = _number(head, 20, 4)
    check(
        9 <= cluster_bits <= 21,
        "cluster_size",
        f"has clusters of 2^{cluster_bits} bytes; QEMU knows 2^9 to 2^21",
        _CONVERT,
    )
    cluster = 1 << cluster_bits
    if version == 3:
        sound = _V3_LENGTH <= length <= cluster and length % 8 == 0
        check(sound, "header_length", f"has a qcow2 header of {length} bytes", _CONVERT)
        _check_features(head, length, check)
    check(_number(head, 32, 4) == 0, "encrypted", "is encrypted, and a job has no key for it", _CONVERT)
    virtual_size = _number(head, 24, 8)
    shown_size = f"is a disk of {sizes.show(virtual_size)}"
    check(virtual_size > 0, "empty", shown_size, "make it anew from its source")
    check(virtual_size <= largest, "virtual_size", shown_size, f"at most {sizes.show(largest)} are allowed here")
    _check_tables(head, size, virtual_size, cluster_bits, check)
    extensions = dict(_extensions(head, length, cluster, check))
    check(_DATA_FILE_NAME not in extensions, "data_file", _OTHER_FILE, _CONVERT)
    check(_ENCRYPTION not in extensions, "encrypted", "is encrypted, and a job has no key for it", _CONVERT)
    backing = _backing(head, cluster, length, check)
    backing_format = extensions.get(_BACKING_FORMAT, b"").decode("latin-1") if backing else ""
    check(
        not backing or backing_format in ("raw", "qcow2"),
        "backing_format",
        f"says '{printable(backing_format)}' of its backing file's format; raw and qcow2 can be staged",
        "qemu-img rebase -u -F FORMAT -b BACKING_FILE {}",
    )
    return Header(virtual_size, backing, backing_format)


_CONVERT = "qemu-img convert -O qcow2 {} new.qcow2"
_COPY_AGAIN = "check that it was copied to the share completely: qemu-img check {}"
_REPAIR = "qemu-img check -r all {}"
_OTHER_FILE = "keeps its data in another file, which could be any file of the node"


class _Checker:
    """Raises the failure of a named check, with the command that helps."""

    def __init__(self, what: str, path: str) -> None:
        self.what = what
        self.path = path

    def __call__(self, holds: bool, name: str, reason: str, step: str) -> None:
        if not holds:
            raise SpecificationError(f"{self.what} {reason}; {step.format(self.path)}", check=name)


def _number(data: bytes, offset: int, length: int) -> int:
    return int.from_bytes(data[offset : offset + length], "big")


def _check_features(head: bytes, length: int, check: _Checker) -> None:
    features = _number(head, 72, 8)
    check(
        not features & ~_KNOWN,
        "unknown_features",
        f"needs features (bits {features & ~_KNOWN:#x}) that are not known",
        _CONVERT,
    )
    check(not features & _DATA_FILE, "data_file", _OTHER_FILE, _CONVERT)
    check(not features & _CORRUPT, "corrupt", "is marked as corrupt", _REPAIR)
    check(not features & _DIRTY, "dirty", "was not closed properly: a program crashed, or still writes to it", _REPAIR)
    compression = _number(head, 104, 1) if length > _V3_LENGTH else _ZLIB
    # the bit says that the type is another than zlib
    sound = compression == (_ZSTD if features & _COMPRESSION else _ZLIB)
    check(sound, "compression", f"has the compression type {compression}; zlib and zstd are known", _CONVERT)
    check(_number(head, 96, 4) <= 6, "refcount_order", "has refcounts of more than 64 bits", _CONVERT)


def _check_tables(head: bytes, size: int, virtual_size: int, cluster_bits: int, check: _Checker) -> None:
    """Each table that QEMU reads when it opens an image must be aligned, in the file, and of a size that QEMU takes."""
    cluster = 1 << cluster_bits

    def table(name: str, offset: int, length: int, longest: int) -> None:
        sound = offset % cluster == 0 and offset > 0 and 0 < length <= longest
        check(sound, name, f"has an impossible {name.replace('_', ' ')} ({length} bytes at {offset})", _REPAIR)
        check(offset + length <= size, "truncated", f"ends before its {name.replace('_', ' ')} does", _COPY_AGAIN)

    l1_size, l1_offset = _number(head, 36, 4), _number(head, 40, 8)
    # an entry is 8 bytes, and stands for a cluster of L2 entries, each for a cluster (16 bytes if they are extended)
    entry_bits = 4 if _number(head, 4, 4) == 3 and _number(head, 72, 8) & _EXTENDED_L2 else 3
    per_entry = 1 << (2 * cluster_bits - entry_bits)
    needed = -(-virtual_size // per_entry)
    check(
        l1_size >= needed, "l1_table", f"has an L1 table that is too short for its {sizes.show(virtual_size)}", _REPAIR
    )
    table("l1_table", l1_offset, l1_size * 8, _MAX_L1)
    table("refcount_table", _number(head, 48, 8), _number(head, 56, 4) * cluster, _MAX_REFCOUNT_TABLE)
    snapshots = _number(head, 60, 4)
    check(snapshots <= _MAX_SNAPSHOTS, "snapshot_table", f"says that it has {snapshots} snapshots", _REPAIR)
    if snapshots:
        table("snapshot_table", _number(head, 64, 8), snapshots * 40, 64 << 20)  # an entry's fixed part is 40 bytes


def _extensions(head: bytes, at: int, cluster: int, check: _Checker) -> "Iterator[tuple[int, bytes]]":
    """Give (type, data) of each header extension: type and length of 4 bytes, data padded to 8; type 0 ends them."""
    end = min(cluster, len(head), _number(head, 8, 8) or cluster)
    while True:
        if at >= end:
            return
        kind, length = _number(head, at, 4), _number(head, at + 4, 4)
        at += 8
        check(at + length <= end, "header_extensions", "has a header extension that does not end in time", _CONVERT)
        if kind == _END:
            return
        yield kind, head[at : at + length]
        at += -(-length // 8) * 8


def _backing(head: bytes, cluster: int, header_length: int, check: _Checker) -> str:
    offset, length = _number(head, 8, 8), _number(head, 16, 4)
    if not offset:
        return ""
    inside = header_length <= offset and offset + length <= min(cluster, len(head))
    check(
        0 < length <= _MAX_NAME and inside,
        "backing_name",
        "has a backing file's name that is not within its header",
        _CONVERT,
    )
    name = head[offset : offset + length]
    shown = printable(os.fsdecode(name))
    check(b"\0" not in name, "backing_name", f"has a backing file '{shown}', whose name contains a NUL", _CONVERT)
    # QEMU takes what stands before a colon for a protocol, unless a slash comes first; json:{…} is one of them
    plain = b":" not in name.partition(b"/")[0]
    check(plain, "backing_name", f"has a backing file '{shown}', which is no path but for QEMU to interpret", _CONVERT)
    return os.fsdecode(name)
