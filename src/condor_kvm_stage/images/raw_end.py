"""Check that a raw image is complete: the file reaches the end of its partitions or its file system.

An image passes if its size is uncertain: a boot sector has the signature of a partition table, too, and images that are
made for both CDs and USB sticks describe their content in several ways.
"""

from .checker import Checker
from .formats import is_iso

_SECTOR = 512
_SECTOR_SIZES = (512, 4096)
_PROTECTIVE = 0xEE
# A CD's file system counts up to 150 blocks of padding, which programs that read CDs lose
_PADDING = 150


def check_end(head: bytes, size: int, what: str, path: str) -> None:
    """Raise SpecificationError (check `truncated`) if a file of `size` bytes that begins with `head` ends too early.

    what, path: see Checker.
    """
    check = Checker(what, path)
    for part, end in _ends(head):
        check(
            end <= size,
            "truncated",
            f"has {size} bytes, and its {part} ends at {end}",
            f"check that it was copied to the share completely, or, if nothing is missing: truncate -s {end} {{}}",
        )


def _ends(head: bytes) -> "list[tuple[str, int]]":
    """Return what says where it ends, and the byte behind that end."""
    iso = _iso(head) if is_iso(head) else []
    entries = _partitions(head, 0 if iso else 1)
    if any(kind == _PROTECTIVE for kind, _, _ in entries):
        return iso + _gpt(head)
    if entries:
        return [*iso, ("last partition", max(start + count for _, start, count in entries) * _SECTOR)]
    return iso or _file_system(head)


def _iso(head: bytes) -> "list[tuple[str, int]]":
    """Of the primary volume descriptor (ECMA-119, section 8.4), which has each number in both byte orders."""
    blocks, block = head[0x8050:0x8058], head[0x8080:0x8084]
    if head[0x8000] != 1 or blocks[:4] != blocks[:3:-1] or block[:2] != block[:1:-1]:
        return []
    return [("ISO file system", max(0, _little(blocks, 0, 4) - _PADDING) * _little(block, 0, 2))]


def _partitions(head: bytes, behind: int) -> "list[tuple[int, int, int]]":
    """Return (type, first sector, number of sectors) of each entry in an MBR; none if it is not certain to be one.

    behind: the first sector that can be in a partition; that of an ISO image may be the disk's first one.
    """
    if head[510:512] != b"\x55\xaa" or _is_boot_sector(head):
        return []
    found = []
    entries = [head[at : at + 16] for at in range(446, 510, 16)]
    for entry in sorted(entries, key=lambda entry: _little(entry, 8, 4)):
        start, count = _little(entry, 8, 4), _little(entry, 12, 4)
        if not entry[4]:
            if entry != bytes(16):
                return []
            continue
        is_sound = entry[0] in (0, 0x80) and count
        # what overlaps is no partition table, or one that is made to suit several kinds of firmware
        if not is_sound or (start < behind and entry[4] != _PROTECTIVE):
            return []
        behind = start + count if entry[4] != _PROTECTIVE else behind
        found.append((entry[4], start, count))
    return found


def _is_boot_sector(head: bytes) -> bool:
    """Return whether it is the first sector of a FAT, exFAT or NTFS: there is code where partitions would be."""
    sector_size = _little(head, 11, 2)
    is_fat = sector_size in (512, 1024, 2048, 4096) and head[16] in (1, 2) and head[21] >= 0xF0
    return is_fat or head[3:11] in (b"NTFS    ", b"EXFAT   ")


def _gpt(head: bytes) -> "list[tuple[str, int]]":
    """Of the header behind the protective MBR (UEFI specification, section 5.3.2), whose copy is in the last sector."""
    from binascii import crc32

    for sector in _SECTOR_SIZES:
        header = head[sector : 2 * sector]
        length = _little(header, 12, 4)
        if header.startswith(b"EFI PART") and 92 <= length <= sector:
            checksum = crc32(header[:16] + bytes(4) + header[20:length])
            if checksum == _little(header, 16, 4) and _little(header, 24, 8) == 1:
                return [("GUID partition table", (_little(header, 32, 8) + 1) * sector)]
    needed = 2 * max(_SECTOR_SIZES)  # to know that there is none
    return [("GUID partition table", needed)] if len(head) < needed else []


def _file_system(head: bytes) -> "list[tuple[str, int]]":
    """Of those file systems that Linux does not mount if their device is smaller than they are."""
    if head[0x438:0x43A] == b"\x53\xef" and head[0x418] <= 6:
        high = _little(head, 0x550, 4) if head[0x460] & 0x80 else 0
        return [("ext file system", (high << 32 | _little(head, 0x404, 4)) << (10 + head[0x418]))]
    if head[:4] == b"XFSB":
        return [("XFS file system", int.from_bytes(head[8:16], "big") * int.from_bytes(head[4:8], "big"))]
    if head[:4] == b"hsqs" and head[28] == 4:
        return [("squashfs file system", _little(head, 40, 8))]
    return []


def _little(data: bytes, offset: int, length: int) -> int:
    return int.from_bytes(data[offset : offset + length], "little")
