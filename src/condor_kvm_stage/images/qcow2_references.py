"""Find out from the tables of a qcow2 image whether all that they refer to is in the file.

The format is specified in QEMU's docs/interop/qcow2: "Cluster mapping", "Snapshots" and "Bitmaps".
"""

from struct import unpack

from .checker import EXTENDED_L2, incompatible_features, is_v3, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .checker import Read

_OFFSET = 0x00FF_FFFF_FFFF_FE00  # of an entry in an L1 or L2 table; the rest are flags
_COMPRESSED, _ZERO = 1 << 62, 1 << 0
_SECTOR = 512
# Bytes of the fixed parts of a snapshot and a bitmap, and of a snapshot's data up to the size of its disk
_SNAPSHOT, _BITMAP, _SNAPSHOT_EXTRA = 40, 24, 16
_WINDOW = 16 << 10  # bytes to read at once


class References:
    """The references to clusters from the tables of the guest's disk, of snapshots and of bitmaps."""

    def __init__(self, read: "Read", head: bytes, size: int, budget: int) -> None:
        self.read = read
        self.head = head
        self.size = size
        self.budget = budget  # bytes of tables that may still be read
        self.bits = number(head, 20, 4)
        self.cluster = 1 << self.bits
        self.virtual_size = number(head, 24, 8) // _SECTOR * _SECTOR
        self.extended = bool(incompatible_features(head) & EXTENDED_L2)
        self.per_table = self.cluster // (16 if self.extended else 8)  # entries of an L2 table
        self.zero_flag = _ZERO if is_v3(head) and not self.extended else 0

    def of_disk(self, last: int = -1) -> "bool | None":
        """Return whether all clusters that a guest reads are in the file; None if the budget is too small to tell.

        last: number of a cluster. If it is found to be complete, that is enough.
        """
        guest_clusters = -(-self.virtual_size // self.cluster)
        return self._of_table(number(self.head, 40, 8), guest_clusters, self.virtual_size, last)

    def of_snapshots(self) -> "bool | None":
        """The same for the disks and memories that snapshots have kept. Their table has passed qcow2_tables."""
        at = number(self.head, 64, 8)
        for _ in range(number(self.head, 60, 4)):
            entry = self.read(at, _SNAPSHOT + _SNAPSHOT_EXTRA)
            l1_table, l1_size, extra = number(entry, 0, 8), number(entry, 8, 4), number(entry, 36, 4)
            if l1_table + l1_size * 8 > self.size:
                return False
            disk = number(entry, _SNAPSHOT + 8, 8) if extra >= _SNAPSHOT_EXTRA else self.virtual_size
            found = self._of_table(l1_table, l1_size * self.per_table, disk, -1)
            if found is not True:
                return found
            at += -(-(_SNAPSHOT + extra + number(entry, 12, 2) + number(entry, 14, 2)) // 8) * 8
        return True

    def of_bitmaps(self, extension: bytes) -> "bool | None":
        """The same for bitmaps. extension: of the header, b"" for none. Their directory has passed qcow2_tables."""
        directory = self.read(number(extension, 16, 8), number(extension, 8, 8))
        at = 0
        for _ in range(number(extension, 0, 4)):
            table, length = number(directory, at, 8), number(directory, at + 8, 4) * 8
            if table + length > self.size:
                return False
            for _, part in self._backwards(table, length):
                if self.budget < 0:
                    return None
                if any((entry & _OFFSET) + self.cluster > self.size for entry in _words(part) if entry & _OFFSET):
                    return False
            at += -(-(_BITMAP + number(directory, at + 18, 2)) // 8) * 8
        return True

    def _of_table(self, l1_table: int, clusters: int, virtual_size: int, last: int) -> "bool | None":
        """Search from the end of a disk, because that is usually written last."""
        for at, table in self._backwards(l1_table, -(-clusters // self.per_table) * 8):
            if self.budget < 0:
                return None
            used = len(table) // 8 if table.strip(b"\0") else 0
            for index in range(used - 1, -1, -1):
                l2 = number(table, index * 8, 8) & _OFFSET
                if not l2:
                    continue
                if l2 + self.cluster > self.size:
                    return False
                first = (at // 8 + index) * self.per_table
                width = self.cluster // self.per_table
                for part_at, part in self._backwards(l2, min(self.per_table, clusters - first) * width):
                    if self.budget < 0:
                        return None
                    found = self._judge(part, first + part_at // width, virtual_size, last)
                    if found is not None:
                        return found
        return True

    def _backwards(self, at: int, length: int) -> "Iterator[tuple[int, bytes]]":
        """Yield the parts of a table, the last one first, with their offsets in it."""
        while length:
            start = (length - 1) // _WINDOW * _WINDOW
            self.budget -= length - start
            yield start, self.read(at + start, length - start)
            length = start

    def _judge(self, part: bytes, first: int, virtual_size: int, last: int) -> "bool | None":
        """Return False if a cluster in a part of an L2 table ends beyond the file, True if cluster `last` does not.

        first: the guest's cluster that the first entry is for.
        """
        found = None
        if not part.strip(b"\0"):
            return found
        step = 2 if self.extended else 1
        words = _words(part)
        for index in range(0, len(words) - step + 1, step):
            entry = words[index]
            if not entry:
                continue
            if entry & _COMPRESSED:
                end = self._end_of_compressed(entry)
                is_last = end + _SECTOR > self.size
            else:
                length = self.cluster
                if self.extended:  # up to the last subcluster that is allocated
                    length = (words[index + 1] & 0xFFFF_FFFF).bit_length() * self.cluster // 32
                rest = virtual_size - ((first + index // step) << self.bits)
                # behind the disk a snapshot has the guest's memory, which need not fill its last cluster
                length = min(length, rest if rest > 0 else 1)
                begin = entry & _OFFSET
                if not begin or entry & self.zero_flag or length <= 0:
                    continue
                end = begin + length
                is_last = begin // self.cluster == last
            if end > self.size:
                return False
            if is_last and last >= 0:
                found = True
        return found

    def _end_of_compressed(self, entry: int) -> int:
        """Return where compressed data must at least end: behind the first byte of their last sector.

        How much of it they fill is not stated, and not all programs pad it.
        """
        shift = 70 - self.bits
        begin = entry & ((1 << shift) - 1)
        sectors = (entry & (_COMPRESSED - 1)) >> shift  # without the first one
        return (begin // _SECTOR + sectors) * _SECTOR + 1


def _words(part: bytes) -> "tuple[int, ...]":
    return unpack(f">{len(part) // 8}Q", part[: len(part) // 8 * 8])
