"""Check a qcow2 image's snapshots and bitmaps: QEMU must be able to open it, soon and without much memory.

QEMU reads both tables in full when it opens an image, and loads each bitmap into memory. Then it lists them, with their
names, in each answer to libvirt, which gives up on an answer of 10 MiB. What is required here is what QEMU requires
(qcow2-snapshot.c and qcow2-bitmap.c in its block/), also of what it requires only when a guest writes to the disk. The
tables are specified in its docs/interop/qcow2. Imported only for images that have one of them.
"""

import posix

from ..installed import POLICY
from .checker import COPY_AGAIN, RECREATE, Checker, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .checker import Read
    from .qcow2_header import Header

# Bytes of an entry's part of fixed size
_SNAPSHOT, _BITMAP = 40, 24
_MAX_EXTRA = 1024  # of a snapshot
_MAX_NAME = 1023  # of a bitmap; QEMU's programs give a snapshot at most 255
_NAMES = 256  # bytes for each that the policy allows, so that names of usual length fit, however many there are
_DIRTY_TRACKING = 1  # the only type of a bitmap
_FLAGS = 0b11  # in use, automatic
_MAX_TABLE, _MAX_BITMAP = 1 << 27, 1 << 29  # entries of a bitmap's table; bytes of its clusters
# Bytes of tables and bitmaps that QEMU keeps in memory. It needs as long for 64 MiB as it may take to open an image.
MEMORY = 48 << 20


def check_tables(
    read: "Read", size: int, header: "Header", limits: "tuple[int, int]", check: Checker
) -> "tuple[int, int]":
    """Check the tables of a file of `size` bytes whose header has passed.

    Returns the length of all names in them, and the bytes of memory that QEMU needs for all tables.

    limits: how many bitmaps and snapshots policy allows. Raises SpecificationError (checks `bitmaps`,
    `snapshot_table`, `cost`, `truncated`).
    """
    most_bitmaps, most_snapshots = limits
    names, memory, in_use = _snapshots(read, size, header, most_snapshots, check)
    if header.bitmaps:
        length, needed = _bitmaps(read, size, header, most_bitmaps, check)
        names, memory = names + length, memory + needed
    check(
        names <= _NAMES * (most_bitmaps + most_snapshots),
        "cost",
        f"has snapshots and bitmaps with long names ({names} bytes), which QEMU gives to libvirt again and again",
        "remove some: qemu-img snapshot -d NAME {0}, qemu-img bitmap --remove {0} NAME",
    )
    memory += header.memory
    check(
        memory <= MEMORY,
        "cost",
        f"has bitmaps and tables of {-(-memory >> 20)} MiB, which QEMU would keep in memory "
        f"(at most {MEMORY >> 20} MiB)",
        "remove bitmaps: qemu-img bitmap --remove {} NAME",
    )
    if header.bitmaps and header.is_written:
        from .qcow2_overlap import is_apart

        check(
            is_apart(read, header, in_use),
            "bitmaps",
            "has a bitmap directory that is also something else, which QEMU would overwrite",
            RECREATE,
        )
    return names, memory


def _too_many(number_of: int, kind: str, most: int) -> "tuple[str, str]":
    return (
        f"has {number_of} {kind}s; at most {most} are allowed here",
        f"remove some, or ask the administrator of {posix.uname().nodename} to raise {kind}s in {POLICY}",
    )


def _snapshots(
    read: "Read", size: int, header: "Header", most: int, check: Checker
) -> "tuple[int, int, list[tuple[int, int]]]":
    """Return the length of all names, that of the table, and where it and the snapshots' L1 tables are.

    Of the latter: offsets and lengths.
    """
    check(header.snapshots <= most, "snapshot_table", *_too_many(header.snapshots, "snapshot", most))
    names, at, in_use = 0, header.snapshots_offset, []
    for _ in range(header.snapshots):
        entry = read(at, _SNAPSHOT)
        extra = number(entry, 36, 4)
        check(extra <= _MAX_EXTRA, "snapshot_table", "has a snapshot that is damaged", RECREATE)
        length = number(entry, 12, 2) + number(entry, 14, 2)
        end = at + _SNAPSHOT + extra + length
        check(len(entry) == _SNAPSHOT and end <= size, "truncated", "ends before its snapshot table does", COPY_AGAIN)
        in_use.append((number(entry, 0, 8), number(entry, 8, 4) * 8))
        names += length
        at = -(-end // 8) * 8
    length = at - header.snapshots_offset
    return names, length, [*in_use, (header.snapshots_offset, length)]


def _bitmaps(read: "Read", size: int, header: "Header", most: int, check: Checker) -> "tuple[int, int]":
    """Return the length of all names, and the bytes that the bitmaps need in memory."""
    count, length, offset = (number(header.bitmaps, at, width) for at, width in ((0, 4), (8, 8), (16, 8)))
    check(count <= most, "bitmaps", *_too_many(count, "bitmap", most))
    sound = offset > 0 and length <= count * (_BITMAP + _MAX_NAME + 1)
    check(sound, "bitmaps", f"has an invalid bitmap directory ({length} bytes at {offset})", RECREATE)
    check(offset + length <= size, "truncated", "ends before its bitmap directory does", COPY_AGAIN)
    directory = read(offset, length)
    names = memory = at = 0
    for _ in range(count):
        entry = directory[at : at + _BITMAP]
        name = directory[at + _BITMAP : at + _BITMAP + number(entry, 18, 2)]
        sound = len(entry) == _BITMAP and _is_bitmap(entry, name, header)
        check(sound, "bitmaps", "has a bitmap directory that is damaged", RECREATE)
        names += len(name)
        # in full, although a clean bitmap needs less: it grows while a guest writes
        bits = -(-header.virtual_size >> entry[17])
        memory += -(-bits // 8)
        at += -(-(_BITMAP + len(name)) // 8) * 8
    check(at == length, "bitmaps", "has a bitmap directory that is damaged", RECREATE)
    return names, memory


def _is_bitmap(entry: bytes, name: bytes, header: "Header") -> bool:
    """Return whether QEMU accepts an entry of the directory. It looks into the tables of the bitmaps itself."""
    table, entries, flags = number(entry, 0, 8), number(entry, 8, 4), number(entry, 12, 4)
    return (
        0 < table < 1 << 63
        and table % header.cluster == 0
        and 0 < entries <= _MAX_TABLE
        and entries * header.cluster <= _MAX_BITMAP
        and flags & ~_FLAGS == 0
        and entry[16] == _DIRTY_TRACKING
        and 9 <= entry[17] <= 31
        and number(entry, 20, 4) == 0  # extra data
        and len(name) == number(entry, 18, 2) <= _MAX_NAME
        and b"\0" not in name  # QEMU would write a shorter one, which then does not fit
    )
