"""Cases of formats that are not ours, and of two formats in one file."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

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
    "vmdk_descriptor_with_other_words": b'# made by hand\n\n# twice\r\nversion=2\nRW 2048 FLAT "/etc/shadow" 0\n',
    "vmdk_descriptor_without_words": b'  \nversion=1\ncreateType="monolithicFlat"\n' + bytes(1000),
    "bochs": _at((0, b"Bochs Virtual HD Image\0")),
    "cloop": _at((0, b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0")),
    "dmg": _at((-512, b"koly")),
    "gzip": gzip.compress(bytes(MIB)),
    "xz": lzma.compress(bytes(MIB)),
    "bzip2": bz2.compress(bytes(MIB)),
    "zstd": _at((0, b"\x28\xb5\x2f\xfd")),
    "zstd_of_pzstd": _at((0, b"\x50\x2a\x4d\x18\4\0\0\0")),
    "lzma": lzma.compress(bytes(MIB), lzma.FORMAT_ALONE),
    "lz4": _at((0, b"\4\x22\x4d\x18\x64\x40\xa7")),
    "lz4_of_a_kernel": _at((0, b"\2\x21\x4c\x18")),
    "lzip": _at((0, b"LZIP\1\x0c")),
    "lzop": _at((0, b"\x89LZO\0\r\n\x1a\n\x10\x40")),
    "lrzip": _at((0, b"LRZI\0\6")),
    "compress": _at((0, b"\x1f\x9d\x90")),
    "zchunk": _at((0, b"\0ZCK1")),
    "7z": _at((0, b"7z\xbc\xaf\x27\x1c\0\4")),
    "rar": _at((0, b"Rar!\x1a\7\0")),
    "rar_5": _at((0, b"Rar!\x1a\7\1\0")),
    "cpio": _at((0, b"070701" + b"0" * 104 + b"image.raw\0")),
    "cpio_with_checksums": _at((0, b"070702" + b"0" * 104 + b"image.raw\0")),
    "cpio_portable": _at((0, b"070707" + b"0" * 70 + b"image.raw\0")),
    "deb": _at((0, b"!<arch>\ndebian-binary   1700000000  0     0     100644  4         `\n2.0\n")),
    "rpm": _at((0, b"\xed\xab\xee\xdb\3\0\0\0")),
    "cab": _at((0, b"MSCF\0\0\0\0")),
    "xar": _at((0, b"xar!\0\x1c\0\1")),
    "wim": _at((0, b"MSWIM\0\0\0\xd0")),
    "android_sparse": _at((0, b"\x3a\xff\x26\xed\1\0\0\0\x1c\0\x0c\0")),
    "asif": _at((0, b"shdw\0\0\0\1")),
    "sparseimage": _at((0, b"sprs\0\0\0\3")),
    "vma": _at((0, b"VMA\0\0\0\0\1")),
    "cow": _at((0, b"OOOM\0\0\0\2")),
    "ewf": _at((0, b"EVF\x09\x0d\x0a\xff\0\1")),
    "partclone": _at((0, b"partclone-image\0")),
    "partimage": _at((0, b"PaRtImAgE-VoLuMe\0")),
    "btrfs_stream": _at((0, b"btrfs-stream\0\1\0\0\0")),
    "zfs_stream": _at((8, b"\xac\xcb\xba\xf5\2\0\0\0")),
    "ciso": _at((0, b"CISO\x18\0\0\0")),
    "openssl": _at((0, b"Salted__12345678")),
    "elf": _at((0, b"\x7fELF\2\1\1")),
    "pdf": _at((0, b"%PDF-1.7\n")),
    "png": _at((0, b"\x89PNG\r\n\x1a\n")),
    "jpeg": _at((0, b"\xff\xd8\xff\xe0")),
    "sqlite": _at((0, b"SQLite format 3\0")),
    "zip_empty": _at((0, b"PK\5\6"), length=22),
    "zip": _zip(),
    "tar": _tar(),
    "tar_of_gnu": _at((0, b"image.raw"), (257, b"ustar  \0")),
}
# What is no image, and how a message calls it
_CHECKSUM = b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
TEXTS = {
    "git_lfs": ("git-lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 12345\n" % _CHECKSUM),
    "git_lfs_of_long_ago": ("git-lfs", b"version https://hawser.github.com/spec/v1\noid sha256:%s\n" % _CHECKSUM),
    "git_annex": ("git-annex", b"/annex/objects/SHA256E-s104857600--%s.qcow2\n" % _CHECKSUM),
    "git_annex_link": ("git-annex", b"../.git/annex/objects/Xx/1k/SHA256E-s1--%s/SHA256E-s1--%s" % (2 * (_CHECKSUM,))),
    "dvc": ("DVC", b"outs:\n- md5: a304afb96060aad90176268345e10355\n  path: image.qcow2\n"),
    "html": ("HTML", b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head></html>\n"),
    "html_of_4_kib": ("HTML", b"<html>\r\n<head><title>503</title></head>\r\n" + b"<!-- padding -->\r\n" * 250),
    "html_in_latin_1": ("HTML", b"\n\n <HTML><BODY>Zugriff verweigert f\xfcr Sie</BODY></HTML>" + b"\xe4" * 600),
    "html_with_mark": ("HTML", b"\xef\xbb\xbf<!doctype HTML><title>Anmeldung</title>"),
    "xml": ("XML", b'<?xml version="1.0"?>\n<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1"/>\n'),
    "xml_of_a_domain": ("XML", b"<domain type='kvm'>\n  <name>x</name>\n</domain>\n"),
    "xml_of_an_object_store": ("XML", b"<Error><Code>AccessDenied</Code></Error>"),
    "json": ("JSON", b'{"message": "Not Found", "status": 404}\n'),
    "json_list": ("JSON", b"[\n  {}\n]\n" * 100),
    "script": ("script", b"#!/bin/bash\nset -e\nqemu-img create -f qcow2 x 1G\n"),
    "script_of_python": ("script", b"#! /usr/bin/env python3\n" + b"# text\n" * 200),
    "certificate": ("PEM", b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
    "pgp_message": ("PEM", b"-----BEGIN PGP MESSAGE-----\n\nhQIM\n"),
    "age": ("encrypted", b"age-encryption.org/v1\n-> X25519 abc\n" + b"\x80\0" * 600),
    "http": ("HTTP", b"HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n"),
    "sha256sum": ("checksum", _CHECKSUM + b"  image.qcow2\n"),
    "md5sum": ("checksum", b"d41d8cd98f00b204e9800998ecf8427e *image.qcow2\n"),
    "checksum_of_bsd": ("checksum", b"SHA256 (image.qcow2) = %s\n" % _CHECKSUM),
    "readme": ("text", b"The images have moved to another server.\n"),
    "yaml": ("text", b"#cloud-config\npassword: x\n" * 100),
    "text_in_utf_8": ("text", "Das Image wurde verschoben. Grüße\n".encode() * 20),
    "text_in_utf_16": ("text", ("\ufeff" + "Image nicht gefunden\r\n" * 30).encode("utf-16-le")),
    "text_of_a_sector": ("text", b"x" * 511 + b"\n"),
    "text_cut_within_a_character": ("text", b"x" * 511 + "é".encode()),
    "blanks": ("text", b" \n" * 512),
    "100_bytes": ("100 bytes", bytes(100)),
    "511_bytes": ("511 bytes", b"\xeb\x63\x90" + bytes(508)),
    "1_byte": ("1 bytes", b"\0"),
}


def _annexed(directory: Path) -> Path:
    (directory / "image").symlink_to(f".git/annex/objects/Xx/1k/SHA256E-s1--{_CHECKSUM.decode()}")
    return directory / "image"


CASES = [
    # other formats
    *(Case(f"format_{name}", "format", holding(content)) for name, content in FOREIGN.items()),
    *(Case(f"format_{name}", "format", holding(content)) for name, (_, content) in TEXTS.items()),
    Case("format_git_annex_symlink", "format", _annexed),
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
