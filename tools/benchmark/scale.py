"""Calculated: the load of one share when many nodes start virtual machines at once, with overlays or with copies."""

from __future__ import annotations

from dataclasses import dataclass

from . import boot_storm, share, variants
from .boot_storm import Figures
from .figures import amount
from .record import Record

NODES = (1, 100, 1_000, 10_000)
GUESTS = 8  # that each node starts
OPERATIONS = 50_000  # of the server, per second
RATE = 10e9 / 8  # bytes per second, of its network
IMAGE = 4 << 30  # bytes, all of them data
READ = 1 << 20  # bytes that one request of a copy reads
_OPENING = 4  # other requests of a copy: look up, open, get attributes, close
# What the Debian of packaging/guest-image reads of its disk until 20 s after its login prompt, without a seed: as QEMU
# counted it (rd_bytes, rd_operations), once, with an emulated processor
BOOT, BOOT_REQUESTS = 89_301_504, 2_873
ASSUMPTIONS = f"""\
On paper, from what was measured of one node: what a server has to do when nodes start {GUESTS} guests each at once.
Assumed: each system call on the share is one request to the server, which has nothing cached; it answers {OPERATIONS:,}
requests a second, over a network of 10 Gbit/s, and takes the longer of both.
The image that is copied has 4 GiB of data, in requests of 1 MiB. An overlay is what the plug-in asks for, and what QEMU
does when it opens the image, for which qemu-img's requests stand, and then what the guest reads while it boots:
{BOOT / 2**20:.0f} MiB in {BOOT_REQUESTS:,} requests, as a small Debian does. Kept: the server delegates the image,
so a node reads that once for all its guests. Not kept: each guest reads it from the server again, at worst, if one
starts after the other (docs/boot-storm.md). A copy is on the node's disk when its guest reads it."""


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


def rows(record: Record, figures: Figures) -> list[Row]:
    """Return the rows: for each number of nodes, by overlays as measured, and by copies."""
    calls, read = (_before_the_guest(record, f"{share.case(1)}, {what}") for what in (share.CALLS, share.READ))
    found = []
    for nodes in NODES:
        for how, way in (("kept", boot_storm.KEPT), ("not kept", boot_storm.NOT_KEPT)):
            boots = boot_storm.share_of_each(figures, way, GUESTS)
            requests, size = GUESTS * calls + boots * BOOT_REQUESTS, GUESTS * read + boots * BOOT
            found.append(Row(nodes, f"overlay, {how}", nodes * requests, nodes * size))
        copies = nodes * GUESTS
        found.append(Row(nodes, "copy", copies * (IMAGE / READ + _OPENING), float(copies * IMAGE)))
    return found


def _before_the_guest(record: Record, case: str) -> float:
    samples = record.find(share.SECTION, case).samples
    return samples[variants.PLUGIN][0] + samples[variants.QEMU_IMG][0]


def table(record: Record) -> str:
    """Return the assumptions and the rows for a terminal."""
    lines = [ASSUMPTIONS, f"{'nodes':>8}  {'':17} {'requests':>12} {'read':>12} {'at least':>12}"]
    for row in rows(record, boot_storm.published()):
        read, taken = amount(row.bytes, "bytes"), amount(row.seconds, "s")
        lines.append(f"{row.nodes:8,}  {row.how:17} {row.requests:12,.0f} {read:>12} {taken:>12}")
    return "\n".join(lines)
