"""Calculated: the load of one share when many nodes start a virtual machine at once, with overlays or with copies."""

from __future__ import annotations

from dataclasses import dataclass

from . import share, variants
from .figures import amount
from .record import Record

NODES = (1, 100, 1_000, 10_000)
OPERATIONS = 50_000  # of the server, per second
RATE = 10e9 / 8  # bytes per second, of its network
IMAGE = 4 << 30  # bytes, all of them data
READ = 1 << 20  # bytes that one request of a copy reads
_OPENING = 4  # other requests of a copy: look up, open, get attributes, close
ASSUMPTIONS = f"""\
On paper, from what one staging of a qcow2 image does on the share: what a server has to do when nodes start at once.
Assumed: each system call on the share is one request to the server, and nothing is cached, on no node and not by the
server's kernel; it answers {OPERATIONS:,} requests a second, over a network of 10 Gbit/s, and takes the longer of both.
The image that is copied has 4 GiB of data, in requests of 1 MiB. An overlay is what the plug-in asks for, and what QEMU
does when it opens the image, for which qemu-img's requests stand. What a guest then reads of its image comes on top,
and not after a copy: compared is what the server does before the guests run."""


@dataclass(frozen=True)
class Row:
    """The load of the share from that many nodes, and the seconds that it needs at least."""

    nodes: int
    how: str
    requests: float
    bytes: float

    @property
    def seconds(self) -> float:
        return max(self.requests / OPERATIONS, self.bytes / RATE)


def rows(record: Record) -> list[Row]:
    """Return the rows: for each number of nodes, by overlays as measured, and by copies."""
    calls, read = (_before_the_guest(record, f"{share.case(1)}, {what}") for what in (share.CALLS, share.READ))
    found = []
    for nodes in NODES:
        found.append(Row(nodes, "overlay", nodes * calls, nodes * read))
        found.append(Row(nodes, "copy", nodes * (IMAGE / READ + _OPENING), float(nodes * IMAGE)))
    return found


def _before_the_guest(record: Record, case: str) -> float:
    samples = record.find(share.SECTION, case).samples
    return samples[variants.PLUGIN][0] + samples[variants.QEMU_IMG][0]


def table(record: Record) -> str:
    """Return the assumptions and the rows for a terminal."""
    lines = [ASSUMPTIONS, f"{'nodes':>8}  {'':8} {'requests':>12} {'read':>12} {'at least':>12}"]
    for row in rows(record):
        read, taken = amount(row.bytes, "bytes"), amount(row.seconds, "s")
        lines.append(f"{row.nodes:8,}  {row.how:8} {row.requests:12,.0f} {read:>12} {taken:>12}")
    return "\n".join(lines)
