"""Cases of formats that are not ours, and of two formats in one file."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

from .builder import CLUSTER, MIB
from .case import Case, holding, patched


def _zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("image.raw", bytes(512))
    return stream.getvalue()


def _tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("image.raw"))
    return stream.getvalue()


def _at(*signatures: tuple[int, bytes], length: int = MIB) -> bytes:
    """Return zeros with signatures in them; an offset below 0 counts from the end."""
    image = bytearray(length)
    for offset, signature in signatures:
        start = offset % length
        image[start : start + len(signature)] = signature
    return bytes(image)


VMDK_DESCRIPTOR = b"""# Disk DescriptorFile
version=1
CID=00000001
parentCID=ffffffff
createType="monolithicFlat"
RW 2048 FLAT "/etc/shadow" 0
"""
FOREIGN = {
    "vmdk_sparse": _at((0, b"KDMV\1\0\0\0")),
    "vmdk_esx": _at((0, b"COWD\1\0\0\0")),
    "vmdk_descriptor": VMDK_DESCRIPTOR,
    "vhdx": _at((0, b"vhdxfile")),
    "vpc_dynamic": _at((0, b"conectix"), (-512, b"conectix")),
    "vpc_fixed": _at((-512, b"conectix")),
    "vpc_fixed_with_mbr": _at((510, b"\x55\xaa"), (-512, b"conectix")),
    "vdi": _at((0, b"<<< QEMU VM Virtual Disk Image >>>\n"), (0x40, b"\x7f\x10\xda\xbe")),
    "qed": _at((0, b"QED\0")),
    "luks": _at((0, b"LUKS\xba\xbe\0\1")),
    "parallels": _at((0, b"WithoutFreeSpace")),
    "parallels_extended": _at((0, b"WithouFreSpacExt")),
    "bochs": _at((0, b"Bochs Virtual HD Image\0")),
    "cloop": _at((0, b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0")),
    "dmg": _at((-512, b"koly")),
    "gzip": gzip.compress(bytes(MIB)),
    "xz": lzma.compress(bytes(MIB)),
    "bzip2": bz2.compress(bytes(MIB)),
    "zstd": _at((0, b"\x28\xb5\x2f\xfd")),
    "zip": _zip(),
    "tar": _tar(),
    "tar_of_gnu": _at((0, b"image.raw"), (257, b"ustar  \0")),
}


CASES = [
    # other formats
    *(Case(f"format_{name}", "format", holding(content)) for name, content in FOREIGN.items()),
    # two formats in one file
    patched("polyglot_qcow2_mbr", "polyglot", (510, b"\x55\xaa")),
    patched("polyglot_qcow2_gpt", "polyglot", (510, b"\x55\xaa"), (512, b"EFI PART")),
    patched("polyglot_qcow2_gpt_only", "polyglot", (512, b"EFI PART")),
    patched("polyglot_qcow2_iso", "polyglot", (0x8001, b"CD001")),
    patched("polyglot_qcow2_vhd", "polyglot", (4 * CLUSTER - 512, b"conectix")),
    patched("polyglot_qcow2_dmg", "polyglot", (4 * CLUSTER - 512, b"koly")),
    patched("polyglot_qcow2_vdi", "polyglot", (0x40, b"\x7f\x10\xda\xbe")),
    patched("polyglot_qcow2_tar", "polyglot", (257, b"ustar")),
    Case("polyglot_signature_mbr", "polyglot", holding(_at((0, b"QFI\xfb"), (510, b"\x55\xaa")))),
    Case("polyglot_vmdk_vhd", "polyglot", holding(_at((0, b"KDMV"), (-512, b"conectix")))),
    Case("polyglot_gzip_tar", "polyglot", holding(_at((0, b"\x1f\x8b"), (257, b"ustar")))),
]
