"""Check the header of a qcow2 image before any other program opens the file. Each check has a name.

The header is specified in QEMU's docs/interop/qcow2; the limits are those of QEMU's block/qcow2.h. QEMU can open every
image that passes, unless its snapshots or bitmaps are at fault, and then opens no other file than `backing`.

When QEMU opens a disk that a guest writes to, it may have to rewrite the header, which must then have room for it
(qcow2_update_header() in QEMU's block/qcow2.c).
"""

from .. import sizes
from . import qcow2_extensions
from .checker import (
    CONVERT,
    COPY_AGAIN,
    DECRYPT,
    EXTENDED_L2,
    HAS_BITMAPS,
    OTHER_FILE,
    RECREATE,
    REPAIR,
    Checker,
    autoclear_features,
    incompatible_features,
    number,
    refcount_order,
    too_large,
)

_V2_LENGTH, _V3_LENGTH = 72, 104
_DIRTY, _CORRUPT, _DATA_FILE, _COMPRESSION = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_KNOWN = _DIRTY | _CORRUPT | _DATA_FILE | _COMPRESSION | EXTENDED_L2
_ZLIB, _ZSTD = 0, 1
_DATA_FILE_IS_RAW = 1 << 1  # of the autoclear features
_SECTOR = 512
_MAX_L1, _MAX_REFCOUNT_TABLE, _MAX_SNAPSHOTS = 32 << 20, 8 << 20, 65536


class Header:
    """The values of a header that has passed all checks."""

    __slots__ = (
        *("backing", "backing_format", "bitmaps", "cluster", "is_written", "l1_offset", "l1_size", "memory"),
        *("refcount_table_offset", "refcount_table_size", "snapshots", "snapshots_offset", "unverified"),
        "virtual_size",
    )

    def __init__(self, head: bytes, extensions: "qcow2_extensions.Extensions", is_written: bool) -> None:
        self.cluster = 1 << number(head, 20, 4)  # bytes
        # of the disk, bytes: QEMU's disks consist of whole sectors
        self.virtual_size = number(head, 24, 8) // _SECTOR * _SECTOR
        self.backing = extensions.backing  # name of the backing file as written in the header, "" if there is none
        self.backing_format = extensions.backing_format  # `raw` or `qcow2`, "" without a backing file
        self.is_written = is_written  # whether a guest will write to it
        self.l1_offset, self.l1_size = number(head, 40, 8), number(head, 36, 4)  # of the active L1 table; entries
        self.refcount_table_offset = number(head, 48, 8)
        self.refcount_table_size = number(head, 56, 4) * self.cluster  # bytes
        self.memory = self.l1_size * 8 + self.refcount_table_size  # that QEMU needs for these two tables, bytes
        self.snapshots, self.snapshots_offset = number(head, 60, 4), number(head, 64, 8)
        self.bitmaps = extensions.bitmaps  # the data of their header extension, b"" if there are none
        # It has snapshot or bitmap tables, which QEMU reads further than we do, or compression that some QEMUs do not
        # know
        self.unverified = bool(self.snapshots or self.bitmaps or incompatible_features(head) & _COMPRESSION)


def read(head: bytes, size: int, largest: int, what: str, path: str, is_written: bool = False) -> Header:
    """Check the header of a file that has `size` bytes and begins with `head` (formats.HEAD bytes or all).

    largest: the largest virtual size that is allowed, bytes. what, path: see Checker. is_written: a guest will write
    to this file.

    Raises SpecificationError, whose `check` is the name of the check that failed.
    """
    check = Checker(what, path)
    version = number(head, 4, 4) if len(head) >= 8 else 0
    check(len(head) >= _V2_LENGTH, "truncated", "ends within its qcow2 header", COPY_AGAIN)
    step = "qemu-img convert -f qcow -O qcow2 {} new.qcow2" if version == 1 else RECREATE
    check(version in (2, 3), "version", f"is qcow2 version {version}; versions 2 and 3 are known", step)
    length = _V2_LENGTH
    if version == 3:
        check(len(head) >= _V3_LENGTH, "truncated", "ends within its qcow2 header", COPY_AGAIN)
        length = number(head, 100, 4)
    cluster_bits = number(head, 20, 4)
    check(
        9 <= cluster_bits <= 21,
        "cluster_size",
        f"has clusters of 2^{cluster_bits} bytes; QEMU knows 2^9 to 2^21",
        RECREATE,
    )
    cluster = 1 << cluster_bits
    if version == 3:
        subclusters = not incompatible_features(head) & EXTENDED_L2 or cluster_bits >= 14
        check(subclusters, "cluster_size", f"has 32 subclusters in 2^{cluster_bits} bytes; QEMU needs 2^14", RECREATE)
        sound = _V3_LENGTH <= length <= cluster and length % 8 == 0
        check(sound, "header_length", f"has a qcow2 header of {length} bytes", RECREATE)
        _check_features(head, length, check)
    check(number(head, 32, 4) == 0, "encrypted", "is encrypted, and a job has no key for it", DECRYPT)
    virtual_size = number(head, 24, 8)
    shown_size = f"is a disk of {sizes.show(virtual_size)}"
    check(virtual_size >= _SECTOR, "empty", shown_size, RECREATE)
    check(virtual_size <= largest, "virtual_size", shown_size, too_large(largest))
    _check_tables(head, size, virtual_size, cluster_bits, check)
    extensions = qcow2_extensions.read(head, length, cluster, check)
    if is_written:
        _check_rewriting(head, extensions, cluster, check)
    return Header(head, extensions, is_written)


def _check_rewriting(head: bytes, extensions: "qcow2_extensions.Extensions", cluster: int, check: Checker) -> None:
    """Check what matters when QEMU opens the image read-write."""
    unknown = autoclear_features(head) & ~(HAS_BITMAPS | _DATA_FILE_IS_RAW)
    check(
        not unknown,
        "unknown_features",
        f"has features (autoclear bits {unknown:#x}) that are not known, and that a guest which writes to it destroys",
        CONVERT,
    )
    check(
        not extensions.are_rewritten or extensions.length <= cluster,
        "header_space",
        f"has no room in its first cluster ({cluster} bytes) for the header that QEMU must write "
        f"({extensions.length} bytes) before a guest can write to the disk",
        CONVERT,
    )


def _check_features(head: bytes, length: int, check: Checker) -> None:
    features = incompatible_features(head)
    check(
        not features & ~_KNOWN,
        "unknown_features",
        f"needs features (bits {features & ~_KNOWN:#x}) that are not known",
        CONVERT,
    )
    check(not features & _DATA_FILE, "data_file", OTHER_FILE, CONVERT)
    check(not autoclear_features(head) & _DATA_FILE_IS_RAW, "data_file", OTHER_FILE, CONVERT)
    check(not features & _CORRUPT, "corrupt", "is marked as corrupt", REPAIR)
    check(not features & _DIRTY, "dirty", "was not closed properly: a program crashed, or still writes to it", REPAIR)
    compression = number(head, 104, 1) if length > _V3_LENGTH else _ZLIB
    # the bit says that the type is not zlib
    sound = compression == (_ZSTD if features & _COMPRESSION else _ZLIB)
    check(sound, "compression", f"has the compression type {compression}; zlib and zstd are known", RECREATE)
    check(refcount_order(head) <= 6, "refcount_order", "has refcounts of more than 64 bits", RECREATE)


def _check_tables(head: bytes, size: int, virtual_size: int, cluster_bits: int, check: Checker) -> None:
    """Check that each table that QEMU reads on open is aligned, within the file, and of a size that QEMU accepts."""
    cluster = 1 << cluster_bits

    def table(name: str, offset: int, length: int, longest: int) -> None:
        sound = offset % cluster == 0 and offset > 0 and 0 < length <= longest
        check(sound, name, f"has an invalid {name.replace('_', ' ')} ({length} bytes at {offset})", RECREATE)
        check(offset + length <= size, "truncated", f"ends before its {name.replace('_', ' ')} does", COPY_AGAIN)

    l1_size, l1_offset = number(head, 36, 4), number(head, 40, 8)
    # an L1 entry (8 bytes) refers to a cluster of L2 entries (8 bytes, or 16 if extended), each of which maps a cluster
    entry_bits = 4 if incompatible_features(head) & EXTENDED_L2 else 3
    per_entry = 1 << (2 * cluster_bits - entry_bits)
    needed = -(-virtual_size // per_entry)
    check(
        l1_size >= needed, "l1_table", f"has an L1 table that is too short for its {sizes.show(virtual_size)}", RECREATE
    )
    table("l1_table", l1_offset, l1_size * 8, _MAX_L1)
    table("refcount_table", number(head, 48, 8), number(head, 56, 4) * cluster, _MAX_REFCOUNT_TABLE)
    snapshots = number(head, 60, 4)
    check(snapshots <= _MAX_SNAPSHOTS, "snapshot_table", f"claims to have {snapshots} snapshots", RECREATE)
    snapshots_at = number(head, 64, 8)
    if snapshots:
        table("snapshot_table", snapshots_at, snapshots * 40, 64 << 20)  # an entry's fixed part is 40 bytes
    else:
        sound = snapshots_at % cluster == 0 and snapshots_at < 1 << 63
        check(sound, "snapshot_table", f"has an invalid snapshot table (none at {snapshots_at})", RECREATE)
