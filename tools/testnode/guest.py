"""The virtual machine of the tests: its base image, and what it writes to its disk."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .run import run

SOURCE = Path(__file__).parents[2] / "tests/guest/guest.asm"
FLOOD = SOURCE.with_name("flood.asm")  # one that prints without end
_READS = SOURCE.with_name("reads.asm")
READS_ON = SOURCE.with_name("reads-on.asm")  # one that reads without end
_UEFI = SOURCE.with_name("uefi.asm")
SECTOR = 512
# Both are the guest's: see guest.asm
PATTERN_LBA = 8
PATTERN = b"condor-kvm-stage: this sector was written by the guest"
_IMAGE_SIZE = 4 << 20
_IDLE = bytes([0xFA, 0xF4, 0xEB, 0xFD])  # cli; hlt; jmp: runs until it is destroyed


def write_base(path: Path, image_format: str, source: Path = SOURCE, *defines: str) -> None:
    """Make a base image (`raw` or `qcow2`) of 4 MiB that boots into a guest, readable by all, owned by root.

    defines: as `NAME=VALUE`, for the assembler.
    """
    with tempfile.TemporaryDirectory() as scratch:
        raw = Path(scratch) / "guest.raw"
        _assemble(source, raw, *defines)
        os.truncate(raw, _IMAGE_SIZE)
        _convert(raw, image_format, path)


def write_waiting(path: Path, ticks: int, program: str = "waits.asm") -> None:
    """Make such an image, qcow2, of a guest that waits for so many ticks of the BIOS clock, 18.2 a second.

    program: its source, in the directory of the tests' guests.
    """
    write_base(path, "qcow2", SOURCE.with_name(program), f"TICKS={ticks}")


def write_reading(path: Path, mebibytes: int) -> None:
    """Make an image, qcow2, of a guest that reads so many MiB of it once; all of that is data."""
    with tempfile.TemporaryDirectory() as scratch:
        raw = Path(scratch) / "guest.raw"
        _assemble(_READS, raw, f"MEBIBYTES={mebibytes}")
        with raw.open("ab") as file:
            file.write(os.urandom((mebibytes << 20) - SECTOR))
        _convert(raw, "qcow2", path)


def write_idle(path: Path) -> None:
    """Make such an image, raw, of a guest that does nothing until it is destroyed."""
    path.write_bytes((_IDLE.ljust(SECTOR - 2, b"\0") + b"\x55\xaa").ljust(_IMAGE_SIZE, b"\0"))
    path.chmod(0o644)


def write_uefi_base(path: Path, image_format: str) -> None:
    """Make such an image that boots by UEFI: a FAT file system without partitions."""
    with tempfile.TemporaryDirectory() as scratch:
        application, raw = Path(scratch) / "BOOTX64.EFI", Path(scratch) / "guest.raw"
        _assemble(_UEFI, application)
        raw.touch()
        os.truncate(raw, _IMAGE_SIZE)
        run(["mformat", "-i", raw, "-T", str(_IMAGE_SIZE // SECTOR), "-h", "64", "-s", "32", "::"])
        run(["mmd", "-i", raw, "::EFI", "::EFI/BOOT"])
        run(["mcopy", "-i", raw, application, "::EFI/BOOT"])
        _convert(raw, image_format, path)


def _assemble(source: Path, output: Path, *defines: str) -> None:
    run(["nasm", "-f", "bin", "-I", f"{SOURCE.parent}/", *(f"-D{define}" for define in defines), source, "-o", output])


def _convert(raw: Path, image_format: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    run(["qemu-img", "convert", "-f", "raw", "-O", image_format, raw, path])
    path.chmod(0o644)


def pattern_sector(disk: bytes) -> bytes:
    """Return the sector that the guest writes, from the content of its disk."""
    return disk[PATTERN_LBA * SECTOR : (PATTERN_LBA + 1) * SECTOR]
