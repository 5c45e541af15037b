"""Find out from the L1 and L2 tables of a qcow2 image whether all that a guest can read from it is in the file.

The format is specified in QEMU's docs/interop/qcow2, "Cluster mapping".
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
_WINDOW = 16 << 10  # bytes to read at once


class References:
    """The references to clusters from the tables of the guest's disk."""

    def __init__(self, read: "Read", head: bytes, size: int) -> None:
        self.read = read
        self.size = size
        self.bits = number(head, 20, 4)
        self.cluster = 1 << self.bits
        self.virtual_size = number(head, 24, 8) // _SECTOR * _SECTOR
        self.l1_table = number(head, 40, 8)
        self.extended = bool(incompatible_features(head) & EXTENDED_L2)
        self.zero_flag = _ZERO if is_v3(head) and not self.extended else 0

    def lie_in_the_file(self, budget: int, last: int = -1) -> "bool | None":
        """Return whether all clusters that a guest reads are in the file; None if more than `budget` bytes would tell.

        last: number of a cluster. If it is found to be complete, that is enough. The search starts at the end of the
        disk, because that is usually written last.
        """
        width = 16 if self.extended else 8  # bytes of an L2 entry
        entries = self.cluster // width
        guest_clusters = -(-self.virtual_size // self.cluster)
        for at, table in self._backwards(self.l1_table, -(-guest_clusters // entries) * 8):
            budget -= len(table)
            if budget < 0:
                return None
            used = len(table) // 8 if table.strip(b"\0") else 0
            for index in range(used - 1, -1, -1):
                l2 = number(table, index * 8, 8) & _OFFSET
                if not l2:
                    continue
                if l2 + self.cluster > self.size:
                    return False
                first = (at // 8 + index) * entries
                for part_at, part in self._backwards(l2, min(entries, guest_clusters - first) * width):
                    budget -= len(part)
                    if budget < 0:
                        return None
                    found = self._judge(part, first + part_at // width, last)
                    if found is not None:
                        return found
        return True

    def _backwards(self, at: int, length: int) -> "Iterator[tuple[int, bytes]]":
        """Yield the parts of a table, the last one first, with their offsets in it."""
        while length:
            start = (length - 1) // _WINDOW * _WINDOW
            yield start, self.read(at + start, length - start)
            length = start

    def _judge(self, part: bytes, first: int, last: int) -> "bool | None":
        """Return False if a cluster in a part of an L2 table ends beyond the file, True if cluster `last` does not.

        first: the guest's cluster that the first entry is for.
        """
        found = None
        if not part.strip(b"\0"):
            return found
        step = 2 if self.extended else 1
        words = unpack(f">{len(part) // 8}Q", part[: len(part) // 8 * 8])
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
                length = min(length, self.virtual_size - ((first + index // step) << self.bits))
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
