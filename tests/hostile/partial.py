"""Cases of partial images: what a copy leaves that was interrupted, or is still running."""

from __future__ import annotations

from binascii import crc32
from collections.abc import Callable
from pathlib import Path

from . import tables
from .builder import CLUSTER, MIB, qcow2, write_field
from .case import Case, holding, put

SECTOR = 512
_PROTECTIVE = 0xEE
_L2, _DATA = 4 * CLUSTER, 5 * CLUSTER
_COPIED, _COMPRESSED = 1 << 63, 1 << 62


def with_data(entry: int = _COPIED | _DATA, clusters: int = 6, version: int = 3) -> bytearray:
    """Return a sound qcow2 image with data. entry: of the L2 table, for the first cluster of the guest's disk.

    clusters: how many the file has.
    """
    image = bytearray(qcow2(version)) + bytes(CLUSTER) + b"\xaa" * (clusters - 5) * CLUSTER
    image[2 * CLUSTER : 2 * CLUSTER + 2 * clusters] = b"\0\1" * clusters
    image[3 * CLUSTER : 3 * CLUSTER + 8] = (_COPIED | _L2).to_bytes(8, "big")
    image[_L2 : _L2 + 8] = entry.to_bytes(8, "big")
    return image


def compressed(sectors: int, begin: int = _DATA) -> bytearray:
    """Return one whose data are compressed, in so many sectors from a byte on, which end the file."""
    image = with_data(_COMPRESSED | (sectors - 1) << 54 | begin)
    return image[: begin // SECTOR * SECTOR + sectors * SECTOR]


def narrow_refcounts() -> bytearray:
    """Return one whose refcounts have 1 bit."""
    image = with_data()
    write_field(image, "refcount_order", 0)
    image[2 * CLUSTER : 2 * CLUSTER + 12] = b"\x3f".ljust(12, b"\0")
    return image


def many_clusters(size: int) -> bytearray:
    """Return one of clusters of 512 bytes and as many blocks of refcounts as that needs; its first one counts 256."""
    image = bytearray(size)
    image[: 2 * SECTOR] = qcow2()[:SECTOR] + bytes(SECTOR)
    for name, value in {
        "cluster_bits": 9,
        "refcount_table_offset": SECTOR,
        "l1_table_offset": 3 * SECTOR,
        "size": 64 * SECTOR,
    }.items():
        write_field(image, name, value)
    image[SECTOR : SECTOR + 16] = (2 * SECTOR).to_bytes(8, "big") + (256 * SECTOR).to_bytes(8, "big")
    image[2 * SECTOR : 3 * SECTOR] = b"\0\1" * 256
    image[256 * SECTOR : 257 * SECTOR] = (b"\0\1" * (size // SECTOR - 256)).ljust(SECTOR, b"\0")
    image[3 * SECTOR : 3 * SECTOR + 8] = (_COPIED | 4 * SECTOR).to_bytes(8, "big")
    image[4 * SECTOR : 4 * SECTOR + 8] = (_COPIED | size - SECTOR).to_bytes(8, "big")
    return image


def write_mbr(disk: bytearray, *partitions: tuple[int, int, int]) -> None:
    """Write a partition table: (type, first sector, sectors) of each."""
    for number, (kind, start, count) in enumerate(partitions):
        at = 446 + 16 * number
        disk[at + 4] = kind
        disk[at + 8 : at + 16] = start.to_bytes(4, "little") + count.to_bytes(4, "little")
    disk[510:512] = b"\x55\xaa"


def write_gpt(disk: bytearray, sector: int = SECTOR, *hybrid: tuple[int, int, int], count: int = 0) -> None:
    """Write a GUID partition table without partitions, and its copy in the last sector.

    hybrid: partitions in the MBR. count: of sectors in the protective entry, if not all.
    """
    last = len(disk) // sector - 1
    write_mbr(disk, (_PROTECTIVE, 1, count or last), *hybrid)
    for own, other in ((1, last), (last, 1)):
        header = bytearray(b"EFI PART\0\0\1\0\x5c\0\0\0".ljust(92, b"\0"))
        for at, value in ((24, own), (32, other), (40, 34), (48, last - 33)):
            header[at : at + 8] = value.to_bytes(8, "little")
        header[16:20] = crc32(header).to_bytes(4, "little")
        disk[own * sector : own * sector + 92] = header


def mbr(*partitions: tuple[int, int, int], length: int = 4 * MIB) -> bytearray:
    disk = bytearray(length)
    write_mbr(disk, *partitions)
    return disk


def gpt(*hybrid: tuple[int, int, int], sector: int = SECTOR, count: int = 0) -> bytearray:
    disk = bytearray(4 * MIB)
    write_gpt(disk, sector, *hybrid, count=count)
    return disk


def iso(disk: bytearray | None = None, blocks: int = 2048) -> bytearray:
    """Return an ISO image of so many blocks of 2048 bytes, on a disk that may have a partition table."""
    disk = disk or bytearray(blocks * 2048)
    disk[0x8000:0x8007] = b"\1CD001\1"
    disk[0x8050:0x8058] = blocks.to_bytes(4, "little") + blocks.to_bytes(4, "big")
    disk[0x8080:0x8084] = b"\0\x08\x08\0"
    return disk


def ext(blocks: int = 4096) -> bytearray:
    """Return the beginning of an ext4 file system, of blocks of 1024 bytes, and zeros."""
    disk = bytearray(blocks * 1024)
    disk[0x404:0x408] = blocks.to_bytes(4, "little")
    disk[0x438:0x43A] = b"\x53\xef"
    return disk


def xfs(blocks: int = 1024) -> bytearray:
    return bytearray((b"XFSB\0\0\x10\0" + blocks.to_bytes(8, "big")).ljust(blocks * 4096, b"\0"))


def squashfs(size: int = MIB) -> bytearray:
    return bytearray(
        (b"hsqs".ljust(28, b"\0") + b"\4\0\0\0" + bytes(8) + size.to_bytes(8, "little")).ljust(size, b"\0")
    )


# Sound images, and a length at which each is cut
PARTIAL: dict[str, tuple[bytearray, int]] = {
    "qcow2_at_60_percent": (with_data(_COPIED | 19 * CLUSTER, 20), 12 * CLUSTER),
    "qcow2_before_its_last_cluster": (with_data(), _DATA),
    "qcow2_within_its_last_cluster": (with_data(), _DATA + CLUSTER // 2),
    "qcow2_without_its_last_byte": (with_data(), _DATA + CLUSTER - 1),
    "qcow2_within_its_l2_table": (with_data(), _L2 + SECTOR),
    "qcow2_of_version_2": (with_data(version=2), _DATA),
    "qcow2_with_refcounts_of_1_bit": (narrow_refcounts(), _DATA),
    "qcow2_compressed": (compressed(8), _DATA + 4 * SECTOR),
    "qcow2_compressed_before_its_last_sector": (compressed(8), _DATA + 7 * SECTOR),
    "qcow2_compressed_not_from_a_sector_on": (compressed(8, _DATA + 100), _DATA + 7 * SECTOR),
    "qcow2_before_its_second_refcount_block": (many_clusters(300 * SECTOR), 256 * SECTOR),
    "qcow2_behind_its_second_refcount_block": (many_clusters(300 * SECTOR), 299 * SECTOR),
    "mbr": (mbr((0x83, 2048, 2048), (0x83, 4096, 4096)), 3 * MIB),
    "mbr_without_its_last_byte": (mbr((0x83, 2048, 6144)), 4 * MIB - 1),
    "mbr_with_an_extended_partition": (mbr((0x83, 2048, 2048), (5, 4096, 4096)), 3 * MIB),
    "mbr_within_its_first_megabyte": (mbr((0x83, 2048, 6144)), SECTOR),
    "gpt": (gpt(), 4 * MIB * 6 // 10),
    "gpt_without_its_last_sector": (gpt(), 4 * MIB - SECTOR),
    "gpt_of_sectors_of_4096": (gpt(sector=4096), 3 * MIB),
    "gpt_with_a_hybrid_mbr": (gpt((0x83, 64, 64)), 3 * MIB),
    "gpt_with_the_largest_protective_entry": (gpt(count=2**32 - 1), 3 * MIB),
    "gpt_within_its_first_sectors": (gpt(), 2 * SECTOR),
    "gpt_within_its_first_large_sectors": (gpt(sector=4096), 4096),
    "iso": (iso(), 2 * MIB),
    "iso_with_an_appended_partition": (iso(mbr((0x17, 0, 4096), (0xEF, 4096, 4096)), 1024), 3 * MIB),
    "iso_with_a_gpt": (iso(gpt(), 1024), 3 * MIB),
    "ext": (ext(), 3 * MIB),
    "xfs": (xfs(), 3 * MIB),
    "squashfs": (squashfs(), MIB // 2),
}


def _backing(directory: Path) -> Path:
    put(directory / "base", bytes(with_data()[:_DATA]))
    return put(directory / "image", qcow2(backing=b"base"))


def with_snapshot(content: int, disk: int = MIB, kept: int = 0) -> bytes:
    """Return one of 7 clusters that counts two more than it has, with a snapshot.

    content: where its L2 table says that it has data; kept: the number of that entry. disk: bytes of its disk.
    """
    snapshot = tables.Snapshot(l1_offset=5 * CLUSTER, extra=bytes(8) + disk.to_bytes(8, "big"))
    image = bytearray(tables.with_snapshots([snapshot])) + bytes(2 * CLUSTER)
    image[2 * CLUSTER : 2 * CLUSTER + 18] = b"\0\1" * 9
    image[5 * CLUSTER : 5 * CLUSTER + 8] = (6 * CLUSTER).to_bytes(8, "big")
    image[6 * CLUSTER + 8 * kept : 6 * CLUSTER + 8 * kept + 8] = content.to_bytes(8, "big")
    return bytes(image)


def with_bitmap(content: int, offset: int = 4 * CLUSTER) -> bytes:
    """Return one of 6 clusters that counts two more than it has, with a bitmap, which says that it has data there.

    offset: of the bitmap's table.
    """
    image = bytearray(tables.with_bitmaps([tables.Bitmap(table_offset=offset)], table=content.to_bytes(8, "big")))
    image[2 * CLUSTER : 2 * CLUSTER + 16] = b"\0\1" * 8
    return bytes(image)


def _with_unknown_tables() -> bytes:
    """Return one that counts more than it has, which may be of a feature that nobody knows."""
    image = bytearray(qcow2(autoclear_features=1 << 5))
    image[2 * CLUSTER + 8 : 2 * CLUSTER + 10] = b"\0\1"
    return bytes(image)


def _cut(image: bytearray, length: int) -> Callable[[Path], Path]:
    return holding(bytes(image[:length]))


CASES = [
    *(Case(f"partial_{name}", "truncated", _cut(image, length)) for name, (image, length) in PARTIAL.items()),
    Case("partial_qcow2_with_a_snapshot", "truncated", holding(with_snapshot(7 * CLUSTER))),
    Case("partial_qcow2_within_a_snapshot", "truncated", holding(with_snapshot(7 * CLUSTER) + bytes(SECTOR))),
    Case("partial_qcow2_before_a_snapshot_has_its_l2_table", "truncated", holding(with_snapshot(0)[: 6 * CLUSTER])),
    Case("partial_qcow2_with_a_bitmap", "truncated", holding(with_bitmap(6 * CLUSTER))),
    Case("partial_qcow2_before_a_bitmap_has_its_table", "truncated", holding(with_bitmap(0, 6 * CLUSTER))),
    Case("partial_qcow2_with_unknown_features", "truncated", holding(_with_unknown_tables())),
    Case("partial_backing_file", "truncated", _backing, names="base"),
]
