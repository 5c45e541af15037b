"""Check that a qcow2 image is complete: the file does not end before clusters that are in use.

A partial copy opens without an error: the tables are at the front, and QEMU reads zeros beyond the end of a file. The
refcounts say how far the file should reach. They are up to date, because a `dirty` image has been refused, but can
include clusters that a crash has leaked. So the tables of the guest's disk, of snapshots and of bitmaps are asked
whether they refer to what is missing. The format is specified in QEMU's docs/interop/qcow2.
"""

from .checker import COPY_AGAIN, HAS_BITMAPS, Checker, autoclear_features, number, refcount_order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .checker import Read

_REFCOUNT_OFFSET = ~0x1FF  # of an entry in the refcount table; the rest is reserved

# Bytes to read. QEMU uses clusters from the front of a file, so the missing ones begin where the file ends, and the
# entries from there on are enough: 512 of a table, 8192 of a refcount block (of 16-bit refcounts).
_TABLE, _BLOCK = 4 << 10, 16 << 10
# The same for the tables that refer to clusters. 16 MiB are those of 128 GiB of data in clusters of 64 KiB, and take
# less than a second; large disks crash, too.
_TO_CONFIRM, _TO_FIND = 16 << 20, 256 << 10


def check_end(read: "Read", head: bytes, size: int, bitmaps: bytes, what: str, path: str) -> None:
    """Raise SpecificationError (check `truncated`) if the file, of `size` bytes, is not all of its image.

    head: its first bytes, whose header has passed. bitmaps: see Header. what, path: see Checker. Reads twice, and more
    only if the file ends within a cluster, or before one that is counted as used.
    """
    if _counts_more(read, head, size):
        complete = _refers_to_nothing_more(read, head, size, bitmaps)
    else:
        complete = _holds_its_last_cluster(read, head, size)
    Checker(what, path)(complete, "truncated", "ends before its data do", COPY_AGAIN)


def _counts_more(read: "Read", head: bytes, size: int) -> bool:
    """Return whether a cluster that begins beyond the end of the file has a refcount."""
    cluster = 1 << number(head, 20, 4)
    order = refcount_order(head)
    missing = -(-size // cluster)  # the first one
    entry, in_block = divmod(missing, (cluster << 3) >> order)
    left = number(head, 56, 4) * cluster - entry * 8
    if left <= 0:
        return False
    table = read(number(head, 48, 8) + entry * 8, min(left, _TABLE))
    if table[8:].strip(b"\0"):
        return True
    block = number(table, 0, 8) & _REFCOUNT_OFFSET
    if not block:
        return False
    if block + cluster > size:
        return True
    bit = in_block << order
    counts = read(block + bit // 8, min(cluster - bit // 8, _BLOCK))
    # Refcounts narrower than a byte start at its least significant bit
    return bool(counts and counts[0] >> bit % 8) or bool(counts[1:].strip(b"\0"))


def _refers_to_nothing_more(read: "Read", head: bytes, size: int, bitmaps: bytes) -> bool:
    """Return whether all that the image's tables refer to is in the file, for certain."""
    if autoclear_features(head) & ~HAS_BITMAPS:  # of tables that we do not know
        return False
    from .qcow2_references import References  # seldom needed

    references = References(read, head, size, _TO_CONFIRM)
    # what is uncertain counts as missing
    return bool(references.of_disk() and references.of_snapshots() and references.of_bitmaps(bitmaps))


def _holds_its_last_cluster(read: "Read", head: bytes, size: int) -> bool:
    """Return False if the file is known to end within a cluster that a guest reads to its end.

    Files that end within a cluster are common: it contains compressed data, or a table.
    """
    cluster = 1 << number(head, 20, 4)
    last, rest = divmod(size, cluster)
    table, length = number(head, 40, 8), number(head, 36, 4) * 8
    if not rest or table // cluster <= last <= (table + length - 1) // cluster:
        return True  # the L1 table has been found to be in the file
    from .qcow2_references import References

    return References(read, head, size, _TO_FIND).of_disk(last) is not False
