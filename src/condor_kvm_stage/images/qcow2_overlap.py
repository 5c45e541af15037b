"""Whether QEMU may write to an image's bitmap directory, as it does when it opens a disk that a guest writes to.

It does not if the directory is also something else that it knows of: then it fails to open the image, and marks it as
corrupt. See qcow2_check_metadata_overlap() in its block/qcow2-refcount.c. Imported only for images with bitmaps.
"""

import sys
from array import array

from .checker import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .checker import Read
    from .qcow2_header import Header

_L1_OFFSET = 0x00FF_FFFF_FFFF_FE00  # of an entry in an L1 table
_REFCOUNT_OFFSET = ~0x1FF & (1 << 64) - 1  # of an entry in the refcount table


def is_apart(read: "Read", header: "Header", in_use: "list[tuple[int, int]]") -> bool:
    """Return False if the bitmap directory overlaps a table. in_use: offsets and lengths of tables for snapshots."""
    cluster = header.cluster
    length, offset = number(header.bitmaps, 8, 8), number(header.bitmaps, 16, 8)
    begin, end = offset, -(-(offset + length) // cluster) * cluster
    ranges = [
        (0, cluster),
        (header.l1_offset, header.l1_size * 8),
        (header.refcount_table_offset, header.refcount_table_size),
        *in_use,
    ]
    if any(begin < start + size and start < end for start, size in ranges if size):
        return False
    tables = (
        (header.l1_offset, header.l1_size * 8, _L1_OFFSET),
        (header.refcount_table_offset, header.refcount_table_size, _REFCOUNT_OFFSET),
    )
    return not any(
        begin < target + cluster and target < end
        for start, size, mask in tables
        for target in {entry & mask for entry in _entries(read(start, size))} - {0}
    )


def _entries(data: bytes) -> "array[int]":
    entries = array("Q", data[: len(data) // 8 * 8])  # in case the file has just become shorter
    if sys.byteorder == "little":
        entries.byteswap()
    return entries
