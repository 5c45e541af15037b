"""Check that a qcow2 image is complete: the file does not end before clusters that are in use.

A partial copy opens without an error: the tables are at the front, and QEMU reads zeros beyond the end of a file. The
refcounts say how far the file should reach. They are up to date, because a `dirty` image has been refused, but can
include clusters that a crash has leaked. So the L2 tables must confirm that the guest reads what is missing. The format
is specified in QEMU's docs/interop/qcow2.
"""

from struct import unpack

from .checker import COPY_AGAIN, Checker, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Callable

    # Returns bytes of the file: from an offset, so many, or those that there are
    Read = Callable[[int, int], bytes]

_EXTENDED_L2 = 1 << 4
_OFFSET = 0x00FF_FFFF_FFFF_FE00  # of an entry in an L1 or L2 table; the rest are flags
_REFCOUNT_OFFSET = ~0x1FF
_COMPRESSED, _ZERO = 1 << 62, 1 << 0
_SECTOR = 512

# How much is read, bytes. QEMU uses clusters from the front of a file, so that what is missing begins where the file
# ends: the entries from there on are enough, of a table 512, of a refcount block (with 16 bits) 8192.
_TABLE, _BLOCK, _WINDOW = 4 << 10, 16 << 10, 16 << 10
_TO_PROVE, _TO_FIND = 4 << 20, 256 << 10


def check_end(read: "Read", head: bytes, size: int, what: str, path: str) -> None:
    """Raise SpecificationError (check `truncated`) if the file, of `size` bytes, is not all of its image.

    head: its first bytes, whose header has passed. what, path: see Checker. Reads twice, and more only if the file ends
    within a cluster, or before one that is counted as used.
    """
    end = _End(read, head, size)
    complete = end.holds_what_is_counted() and end.holds_its_last_cluster()
    check = Checker(what, path)
    check(complete, "truncated", "ends before its data do", COPY_AGAIN)


class _End:
    def __init__(self, read: "Read", head: bytes, size: int) -> None:
        self.read = read
        self.head = head
        self.size = size
        self.bits = number(head, 20, 4)
        self.cluster = 1 << self.bits
        self.is_v3 = number(head, 4, 4) == 3
        self.extended = self.is_v3 and bool(number(head, 72, 8) & _EXTENDED_L2)
        self.virtual_size = number(head, 24, 8) // _SECTOR * _SECTOR

    def holds_what_is_counted(self) -> bool:
        """Return whether each cluster with a refcount begins in the file, or no guest reads those that do not."""
        if not self._counts_more():
            return True
        # Snapshots and bitmaps have clusters that the L2 tables do not lead to
        others = number(self.head, 60, 4) or (self.is_v3 and number(self.head, 88, 8))
        return not others and self._is_read_completely(_TO_PROVE) is True

    def _counts_more(self) -> bool:
        """Return whether a cluster has a refcount that does not begin in the file."""
        order = number(self.head, 96, 4) if self.is_v3 else 4
        missing = -(-self.size // self.cluster)  # the first one
        table_entry, in_block = divmod(missing, (self.cluster << 3) >> order)
        left = number(self.head, 56, 4) * self.cluster - table_entry * 8
        if left <= 0:
            return False
        table = self.read(number(self.head, 48, 8) + table_entry * 8, min(left, _TABLE))
        if table[8:].strip(b"\0"):
            return True
        block = number(table, 0, 8) & _REFCOUNT_OFFSET
        if not block:
            return False
        if block + self.cluster > self.size:
            return True
        bit = in_block << order
        counts = self.read(block + bit // 8, min(self.cluster - bit // 8, _BLOCK))
        # Refcounts of less than a byte begin at its least significant bit
        return bool(counts[:1] and counts[0] >> bit % 8) or bool(counts[1:].strip(b"\0"))

    def holds_its_last_cluster(self) -> bool:
        """Return False if it is known that the file ends within a cluster that a guest reads to its end.

        Files that end within a cluster are common: the last one has compressed data, or a table, in it.
        """
        last, rest = divmod(self.size, self.cluster)
        table, length = number(self.head, 40, 8), number(self.head, 36, 4) * 8
        if not rest or table // self.cluster <= last <= (table + length - 1) // self.cluster:
            return True
        return self._is_read_completely(_TO_FIND, last) is not False

    def _is_read_completely(self, budget: int, last: int = -1) -> "bool | None":
        """Return whether all that a guest can read lies in the file; None if it takes more than `budget` bytes to say.

        last: it is enough to find out about this cluster, the one that the file ends in; from the disk's end, because
        that is what was written last.
        """
        width = 16 if self.extended else 8
        entries = self.cluster // width
        used = -(-self.virtual_size // (entries << self.bits))  # entries of the L1 table; behind them is a VM's state
        for at, table in self._backwards(number(self.head, 40, 8), used * 8):
            budget -= len(table)
            for index in range(len(table) // 8 - 1, -1, -1):
                l2 = number(table, index * 8, 8) & _OFFSET
                if not l2:
                    continue
                if l2 + self.cluster > self.size:
                    return False
                first = (at // 8 + index) * entries
                length = min(entries, -(-self.virtual_size // self.cluster) - first) * width
                for part_at, part in self._backwards(l2, length):
                    if budget < len(part):
                        return None
                    budget -= len(part)
                    found = self._judge(part, first + part_at // width, last)
                    if found is not None:
                        return found
        return True

    def _backwards(self, at: int, length: int) -> "Iterator[tuple[int, bytes]]":
        """Give the parts of a table, the last first: (offset in the table, bytes). Zeros are left out."""
        while length:
            start = (length - 1) // _WINDOW * _WINDOW
            part = self.read(at + start, length - start)
            if part.strip(b"\0"):
                yield start, part
            length = start

    def _judge(self, part: bytes, first: int, last: int) -> "bool | None":
        """Look at a part of an L2 table, whose first entry is for the guest's cluster `first`.

        Returns False if one leads to data that end behind the file, True if all of cluster `last` is there.
        """
        proved = None
        step = 2 if self.extended else 1
        words = unpack(f">{len(part) // 8}Q", part[: len(part) // 8 * 8])
        for index in range(0, len(words) - step + 1, step):
            entry = words[index]
            if not entry:
                continue
            if entry & _COMPRESSED:
                shift = 70 - self.bits
                begin = entry & ((1 << shift) - 1)
                sectors = ((entry & (_COMPRESSED - 1)) >> shift) + 1
                # Of the last sector, only the first byte must be there: not every program fills it
                end = begin // _SECTOR * _SECTOR + (sectors - 1) * _SECTOR + 1
                is_last = end + _SECTOR > self.size
            else:
                begin = entry & _OFFSET
                if not begin or (self.is_v3 and not self.extended and entry & _ZERO):
                    continue
                length = self.cluster
                if self.extended:
                    length = (words[index + 1] & 0xFFFF_FFFF).bit_length() * self.cluster // 32
                length = min(length, self.virtual_size - ((first + index // step) << self.bits))
                if length <= 0:
                    continue
                end = begin + length
                is_last = begin // self.cluster == last
            if end > self.size:
                return False
            if last >= 0 and is_last:
                proved = True
        return proved
