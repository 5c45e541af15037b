"""Disks that seem to be partial and are not: whatever is uncertain about where a disk ends lets it pass."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from condor_kvm_stage.failures import SpecificationError
from hostile import MIB, put
from hostile.partial import PARTIAL, ext, gpt, iso, mbr, squashfs
from support.cut_images import check
from support.inspected_images import inspect

SECTOR = 512


@pytest.mark.parametrize("name", PARTIAL)
def test_images_that_partial_ones_are_made_from_are_accepted(tmp_path: Path, name: str) -> None:
    assert check(put(tmp_path / "image", bytes(PARTIAL[name][0]))) == ""


def boot_sector(name: bytes, table: bytes) -> bytes:
    """Return a disk with a file system's boot sector: no partition table, but code in its place."""
    sector = bytearray(SECTOR)
    sector[:11] = b"\xeb\x3c\x90" + name
    if not name.startswith((b"NTFS", b"EXFAT")):
        sector[11:22] = b"\0\2\4\1\0\2\0\2\0\x50\xf8"
    sector[446:510] = table
    sector[510:] = b"\x55\xaa"
    return bytes(sector) + bytes(MIB)


FAR = (0x83).to_bytes(5, "big") + bytes(3) + b"\0\1\0\0" + b"\0\0\0\x7f"  # an entry that ends far behind the disk
UNCERTAIN = {
    "FAT": boot_sector(b"mkfs.fat", FAR + bytes(48)),
    "NTFS": boot_sector(b"NTFS    ", FAR + bytes(48)),
    "exFAT": boot_sector(b"EXFAT   ", FAR + bytes(48)),
    "code where the table would be": bytes(446) + bytes(range(1, 65)) + b"\x55\xaa" + bytes(MIB),
    "partitions that overlap": bytes(mbr((0x83, 2048, 99999), (0x83, 4096, 99999))),
    "partition that has no sectors": bytes(mbr((0x83, 2048, 0))),
    "partition at the first sector": bytes(mbr((0x83, 0, 99999))),
    "entry of no type": bytes(mbr((0, 1, 99999), (0x83, 2048, 99999))),
    "protective entry and no GPT": bytes(mbr((0xEE, 1, 2**32 - 1))),
    "GPT with a wrong checksum": bytes(gpt()[:600]) + b"\1" + bytes(gpt()[601 : 3 * MIB]),
    "GPT of long ago, and an MBR": bytes(mbr((0x83, 2048, 2048))[:SECTOR] + gpt()[SECTOR : 3 * MIB]),
    "GPT, enlarged": bytes(gpt() + bytes(MIB)),
    "superblock of long ago, and an MBR": bytes(mbr((0x83, 2048, 2048))[:SECTOR] + ext(1 << 20)[SECTOR : 3 * MIB]),
    "ISO without its padding": bytes(iso()[: 4 * MIB - 150 * 2048]),
    "ISO whose sizes differ": bytes(iso()[:0x8050] + b"\xff\xff\xff\x7f" + iso()[0x8054:MIB]),
    "text, and then bytes that are not": b"A" * 100 + b"\xff" * 412 + bytes(MIB),
    "isohybrid": bytes(iso(mbr((0x17, 0, 8192)))),
    "isohybrid, partitions in one another": bytes(iso(mbr((0x17, 0, 99999), (0xEF, 64, 64)))),
    "squashfs of long ago": b"hsqs" + bytes(24) + b"\3" + b"\xff" * 20 + bytes(MIB),
    "squashfs, longer than it says": bytes(squashfs() + bytes(4096)),
}


@pytest.mark.parametrize("content", UNCERTAIN.values(), ids=UNCERTAIN.keys())
def test_disk_that_may_be_complete_is_accepted(tmp_path: Path, content: bytes) -> None:
    assert check(put(tmp_path / "image", content)) == ""


def test_message_says_how_long_it_would_be_and_both_remedies(tmp_path: Path) -> None:
    path = put(tmp_path / "image", bytes(gpt()[: 3 * MIB]))
    with pytest.raises(
        SpecificationError, match=r"image .* has 3145728 bytes, and its GUID partition table ends at 4194304; "
    ):
        inspect(path)
    subprocess.run(["truncate", "-s", "4194304", path], check=True)
    assert check(path) == ""


def prepare(directory: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the test if there is no program of the name up to a comma. Make a directory `source` for it."""
    program = name.partition(",")[0]
    monkeypatch.setenv("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
    if not shutil.which(program):
        pytest.skip(f"there is no {program}")
    (directory / "source").mkdir()
    (directory / "source/data").write_bytes(bytes(range(256)) * 4096)


# What programs write: the words make an image of 64 MiB complete, or write the file themselves
WRITTEN: dict[str, list[str]] = {
    "sfdisk, MBR": ["sh", "-c", "printf '2048,20480,83,*\\n,,5\\n,8192,83\\n' | sfdisk -q image"],
    "sfdisk, GPT": ["sh", "-c", "printf 'label: gpt\\n,10M,U\\n,,L\\n' | sfdisk -q image"],
    "parted, GPT": ["parted", "-s", "image", "mklabel", "gpt", "mkpart", "a", "1MiB", "100%"],
    "parted, MBR": ["parted", "-s", "image", "mklabel", "msdos", "mkpart", "primary", "1MiB", "100%"],
    "sgdisk": ["sgdisk", "-n", "0:0:+10M", "-n", "0:0:0", "-h", "1:2", "image"],
    "mke2fs": ["mke2fs", "-q", "-F", "-t", "ext4", "image"],
    "mksquashfs": ["mksquashfs", "source", "image", "-noappend", "-quiet", "-no-progress"],
    "xorriso": ["xorriso", "-as", "mkisofs", "-R", "-o", "image", "source"],
    "xorriso, appended": [
        *["xorriso", "-as", "mkisofs", "-R", "-o", "image"],
        *["-append_partition", "2", "0xef", "source/data", "-appended_part_as_gpt", "source"],
    ],
}


@pytest.mark.parametrize("name", WRITTEN)
def test_disk_as_a_program_writes_it_is_accepted_and_half_of_it_is_not(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(tmp_path, name, monkeypatch)
    path = put(tmp_path / "image", bytes(64 * MIB))
    subprocess.run(WRITTEN[name], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    assert check(path) == ""
    half = put(tmp_path / "half", path.read_bytes()[: path.stat().st_size // 2])
    assert check(half) == "truncated"


# The same for images that say nothing of their end, that say it in an unusual way, or that have been something else
SOUND: dict[str, str] = {
    "sfdisk, on a disk that was then enlarged": "echo 'label: gpt\n,,L' | sfdisk -q image; truncate -s 99M image",
    "sfdisk, small disk at the front of a larger one": (
        "echo 'label: gpt\n,9M,L' | sfdisk -q image; sfdisk -q --relocate gpt-bak-mini image; truncate -s 11M image"
    ),
    "sfdisk, no whole number of sectors": "truncate -s 67109000 image; echo ',,L' | sfdisk -q image",
    "sfdisk, no whole number of sectors, GPT": "truncate -s 67109000 image; echo 'label: gpt\n,,L' | sfdisk -q image",
    "sfdisk, over a GPT": "echo 'label: gpt\n,,L' | sfdisk -q image; echo ',20M,L' | sfdisk -q -w never -X dos image",
    "sfdisk, Sun's label": "echo 'label: sun' | sfdisk -q image",
    "sfdisk, SGI's label": "echo 'label: sgi' | sfdisk -q image",
    "sfdisk, GPT wiped": "echo 'label: gpt\n,,L' | sfdisk -q image; wipefs -aq image",
    "sfdisk, file system over a GPT": "echo 'label: gpt\n,,L' | sfdisk -q image; mke2fs -qF image 20M",
    "mke2fs, blocks of 64 KiB": "mke2fs -qF -t ext4 -b 65536 image",
    "mke2fs, journal of another disk": "mke2fs -qF -O journal_dev image",
    "mke2fs, no whole number of blocks": "truncate -s 34567891 image; mke2fs -qF -b 4096 image",
    "mke2fs, shrunk": "mke2fs -qF -t ext4 image; resize2fs -f image 40M; truncate -s 40M image",
    "e2image, qcow2": "mke2fs -qF image; e2image -aQ image qcow2; mv qcow2 image",
    "mkswap": "mkswap image",
    "mkfs.minix": "mkfs.minix image",
    "mkfs.cramfs": "mkfs.cramfs source image",
    "mksquashfs, not padded": "rm image; mksquashfs source image -nopad -quiet -no-progress",
    "parted, Apple's label": "parted -s image mklabel mac",
    "parted, cylinders": "parted -s -a cylinder image mklabel msdos mkpart primary 0 100%",
    "parted, logical partitions": (
        "parted -s image mklabel msdos mkpart extended 1MiB 100% mkpart logical 2MiB 9MiB mkpart logical 10MiB 100%"
    ),
    "xorriso, hybrid": "xorriso -as mkisofs -R -part_like_isohybrid -partition_offset 16 -o new source; mv new image",
    "xorriso, not padded": "xorriso -as mkisofs -R -no-pad -o new source; mv new image",
    "xorriso, three sessions": (
        "xorriso -outdev new -map source /a -commit -map source /b -commit -map source /c -commit; mv new image"
    ),
    "xorriso, HFS+": "xorriso -as mkisofs -R -hfsplus -apm-block-size 2048 -o new source; mv new image",
}


@pytest.mark.parametrize("name", SOUND)
def test_disk_as_a_program_leaves_it_is_accepted(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(tmp_path, name, monkeypatch)
    path = put(tmp_path / "image", b"")
    os.truncate(path, 64 * MIB)
    done = subprocess.run(["sh", "-ec", SOUND[name]], cwd=tmp_path, capture_output=True, timeout=60)
    if done.returncode == 128 + signal.SIGSEGV:  # xorriso 1.5.8 with -part_like_isohybrid
        pytest.skip("the program crashes")
    assert done.returncode == 0
    assert check(path) == ""
