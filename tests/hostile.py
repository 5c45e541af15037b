"""Image files that must not become a disk, each made by code: a table of named cases, and the builder behind them."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import socket
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

# The qcow2 header's fields: offset and length in bytes (QEMU's docs/interop/qcow2)
FIELDS = {
    "magic": (0, 4),
    "version": (4, 4),
    "backing_file_offset": (8, 8),
    "backing_file_size": (16, 4),
    "cluster_bits": (20, 4),
    "size": (24, 8),
    "crypt_method": (32, 4),
    "l1_size": (36, 4),
    "l1_table_offset": (40, 8),
    "refcount_table_offset": (48, 8),
    "refcount_table_clusters": (56, 4),
    "nb_snapshots": (60, 4),
    "snapshots_offset": (64, 8),
    "incompatible_features": (72, 8),
    "compatible_features": (80, 8),
    "autoclear_features": (88, 8),
    "refcount_order": (96, 4),
    "header_length": (100, 4),
    "compression_type": (104, 1),
}
DIRTY, CORRUPT, DATA_FILE, COMPRESSION, EXTENDED_L2 = 1, 2, 4, 8, 16
BACKING_FORMAT, ENCRYPTION, BITMAPS, DATA_FILE_NAME = 0xE2792ACA, 0x0537BE77, 0x23852875, 0x44415441
UNKNOWN_EXTENSION = 0x12345678
CLUSTER = 1 << 16
MIB = 1 << 20

Extension = tuple[int, bytes]


def write_field(image: bytearray, name: str, value: int) -> None:
    """Overwrite one field of a qcow2 header."""
    offset, length = FIELDS[name]
    image[offset : offset + length] = value.to_bytes(length, "big")


def qcow2(
    version: int = 3,
    backing: bytes = b"",
    backing_format: bytes | None = b"qcow2",
    extensions: Iterable[Extension] = (),
    patches: Iterable[tuple[int, bytes]] = (),
    length: int = 4 * CLUSTER,
    **fields: int,
) -> bytes:
    """Return a sound, empty qcow2 disk of 1 MiB: header, refcount table, refcount block and L1 table, a cluster each.

    What is wrong with it is said by: fields, the header's, by their names; patches, bytes at offsets; length of the
    file. backing_format: None leaves it out.
    """
    image = bytearray(4 * CLUSTER)
    values = {
        "magic": 0x514649FB,
        "version": version,
        "cluster_bits": 16,
        "size": MIB,
        "l1_size": 1,
        "l1_table_offset": 3 * CLUSTER,
        "refcount_table_offset": CLUSTER,
        "refcount_table_clusters": 1,
    }
    at = 72
    if version >= 3:
        values.update(refcount_order=4, header_length=112)
        at = 112
    if backing and backing_format is not None:
        extensions = [(BACKING_FORMAT, backing_format), *extensions]
    for kind, data in [*extensions, (0, b"")]:
        entry = kind.to_bytes(4, "big") + len(data).to_bytes(4, "big") + data + bytes(-len(data) % 8)
        image[at : at + len(entry)] = entry
        at += len(entry)
    if backing:
        values.update(backing_file_offset=at, backing_file_size=len(backing))
        image[at : at + len(backing)] = backing
    for name, value in {**values, **fields}.items():
        write_field(image, name, value)
    image[CLUSTER : CLUSTER + 8] = (2 * CLUSTER).to_bytes(8, "big")
    image[2 * CLUSTER : 2 * CLUSTER + 8] = b"\0\1" * 4  # each of the four clusters has one user
    for offset, data in patches:
        image[offset : offset + len(data)] = data
    return bytes(image[:length])


def put(path: Path, content: bytes = bytes(MIB)) -> Path:
    """Write a file that all may read. Without a content it is a sound raw image."""
    path.parent.mkdir(exist_ok=True)
    path.parent.chmod(0o755)
    path.write_bytes(content)
    path.chmod(0o644)
    return path


@dataclass(frozen=True)
class Case:
    """build: writes into an empty directory, and returns the path to stage. check: the check that must refuse it, ""
    for none but the errno `code`. policy: the site's, where DIR is that directory. sparse: it must be able to hold a
    file of 8 EiB. names: what the message must name, if it is not the path to stage.
    """

    name: str
    check: str
    build: Callable[[Path], Path]
    policy: str = ""
    code: int = 0
    sparse: bool = False
    names: str = ""

    def __str__(self) -> str:
        return self.name


def _content(content: bytes) -> Callable[[Path], Path]:
    return lambda directory: put(directory / "image", content)


def _header(name: str, check: str, *extensions: Extension, version: int = 3, **fields: int) -> Case:
    return Case(
        name, check, lambda directory: put(directory / "image", qcow2(version, b"", None, extensions, (), **fields))
    )


def _patched(name: str, check: str, *patches: tuple[int, bytes]) -> Case:
    return Case(name, check, lambda directory: put(directory / "image", qcow2(patches=patches)))


def _backed(name: str, check: str, backing: bytes, backing_format: bytes | None = b"raw", **fields: int) -> Case:
    def build(directory: Path) -> Path:
        return put(directory / "image", qcow2(3, backing, backing_format, (), (), **fields))

    return Case(name, check, build)


def _on(name: str, check: str, base: Callable[[Path], object], backing_format: bytes = b"raw", code: int = 0) -> Case:
    """A case whose backing file is what base(path) makes there."""

    def build(directory: Path) -> Path:
        base(directory / "base")
        return put(directory / "image", qcow2(backing=b"base", backing_format=backing_format))

    return Case(name, check, build, code=code)


def _chain(*backing: str) -> Callable[[Path], Path]:
    """Make image0, image1, …: a chain whose first file is staged; backing: what each says, "" for none."""

    def build(directory: Path) -> Path:
        for number, name in enumerate(backing):
            put(directory / f"image{number}", qcow2(backing=name.encode()))
        return directory / "image0"

    return build


def _hard_links(directory: Path) -> Path:
    os.link(put(directory / "image", qcow2(backing=b"other-name")), directory / "other-name")
    return directory / "image"


IMAGES = '[staging]\nimage_dirs = ["DIR/images"]\n'


def _leaves(backing: str) -> Callable[[Path], Path]:
    """Make an image in the directory that is allowed, whose backing file leads into another."""

    def build(directory: Path) -> Path:
        put(directory / "elsewhere/base")
        image = put(directory / "images/image", qcow2(backing=backing.encode(), backing_format=b"raw"))
        (directory / "images/link").symlink_to("../elsewhere/base")
        (directory / "images/directory-link").symlink_to(directory / "elsewhere")
        return image

    return build


def _leaves_by_absolute_name(directory: Path) -> Path:
    base = put(directory / "elsewhere/base")
    return put(directory / "images/image", qcow2(backing=bytes(base), backing_format=b"raw"))


def _is_a_symlink(directory: Path) -> Path:
    put(directory / "images/sound")
    put(directory / "elsewhere/base")
    (directory / "images/image").symlink_to("../elsewhere/base")
    return directory / "images/image"


def _lies_beside(directory: Path) -> Path:
    """The directory's name begins with that of an allowed one."""
    put(directory / "images/sound")
    return put(directory / "images-of-others/image")


def _symlinked_in_the_middle(directory: Path) -> Path:
    """QEMU takes a relative name from the directory of the name by which it opened the file, not of its target."""
    put(directory / "deep/base", qcow2())
    put(directory / "deep/middle", qcow2(backing=b"base"))
    put(directory / "base", qcow2(extensions=[(DATA_FILE_NAME, b"/etc/shadow")], incompatible_features=DATA_FILE))
    (directory / "middle").symlink_to("deep/middle")
    return put(directory / "image", qcow2(backing=b"middle"))


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


def _fifo(path: Path) -> Path:
    os.mkfifo(path, 0o644)
    return path


def _directory(path: Path) -> Path:
    path.mkdir()
    path.chmod(0o755)
    return path


def _socket(path: Path) -> Path:
    here = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{here}/{path.name}")  # a socket's own path may have 107 bytes only
    finally:
        os.close(here)
    return path


def _sparse(length: int) -> Callable[[Path], Path]:
    def build(directory: Path) -> Path:
        image = put(directory / "image", b"")
        os.truncate(image, length)
        return image

    return build


def _with_mode(mode: int) -> Callable[[Path], Path]:
    def build(directory: Path) -> Path:
        image = put(directory / "image", qcow2())
        image.chmod(mode)
        return image

    return build


def _behind(mode: int) -> Callable[[Path], Path]:
    """Make an image in a directory of that mode."""

    def build(directory: Path) -> Path:
        image = put(directory / "private/image", qcow2())
        image.parent.chmod(mode)
        return image

    return build


def _symlink_loop(directory: Path) -> Path:
    (directory / "image").symlink_to("other")
    (directory / "other").symlink_to("image")
    return directory / "image"


def _below_a_file(directory: Path) -> Path:
    return put(directory / "file") / "image"


CASES = [
    # another file than the user's becomes the guest's
    _backed("backing_etc_shadow", "readable", b"/etc/shadow"),
    Case("backing_etc_shadow_and_image_dirs", "image_dirs", _leaves("/etc/shadow"), IMAGES),
    _backed("backing_json", "backing_name", b'json:{"driver":"file","filename":"/etc/shadow"}'),
    _backed("backing_file_protocol", "backing_name", b"file:/etc/passwd"),
    _backed("backing_nbd", "backing_name", b"nbd:127.0.0.1:10809"),
    _backed("backing_nbd_url", "backing_name", b"nbd://127.0.0.1/export"),
    _backed("backing_name_with_escapes", "backing_name", b"json:\n\x1b[31mred\xff"),
    _backed("backing_name_with_nul", "backing_name", b"/etc/passwd\0.raw"),
    _backed("backing_name_of_nothing", "backing_name", b"base", backing_file_size=0),
    _backed("backing_name_too_long", "backing_name", b"./" * 511 + b"ab"),
    _backed("backing_name_of_4_gib", "backing_name", b"base", backing_file_size=2**32 - 1),
    _backed("backing_name_in_the_fields", "backing_name", b"base", backing_file_offset=64),
    _backed("backing_name_in_the_last_field", "backing_name", b"base", backing_file_offset=108),
    _backed("backing_name_beyond_the_header", "backing_name", b"base", backing_file_offset=CLUSTER),
    _backed("backing_name_beyond_the_file", "backing_name", b"base", backing_file_offset=1 << 40),
    _backed("backing_name_at_the_end_of_all", "backing_name", b"base", backing_file_offset=2**64 - 1),
    _backed("backing_name_across_the_end", "backing_name", b"base", backing_file_offset=CLUSTER - 2),
    _backed("backing_format_missing", "backing_format", b"base", None),
    _backed("backing_format_empty", "backing_format", b"base", b""),
    _backed("backing_format_unknown", "backing_format", b"base", b"vmdk"),
    _backed("backing_format_with_nul", "backing_format", b"base", b"raw\0"),
    _backed("backing_format_with_escapes", "backing_format", b"base", b"\x1b[31m\n"),
    Case(
        "backing_format_said_twice",
        "backing_format",
        lambda directory: put(directory / "image", qcow2(backing=b"base", extensions=[(BACKING_FORMAT, b"vmdk")])),
    ),
    _header("backing_format_too_long", "backing_format", (BACKING_FORMAT, b"x" * 16)),
    _header(
        "backing_format_too_long_then_sound", "backing_format", (BACKING_FORMAT, b"x" * 16), (BACKING_FORMAT, b"raw")
    ),
    _on("backing_is_qcow2_but_said_to_be_raw", "backing_format", lambda base: put(base, qcow2())),
    _on("backing_is_raw_but_said_to_be_qcow2", "backing_format", put, b"qcow2"),
    _on("backing_is_a_fifo", "file_type", _fifo),
    _on("backing_is_a_directory", "file_type", _directory),
    _on("backing_is_a_socket", "file_type", _socket),
    _backed("backing_is_a_device", "file_type", b"/dev/zero"),
    _on("backing_is_missing", "", lambda base: None, code=errno.ENOENT),
    _on("backing_is_empty", "empty", lambda base: put(base, b"")),
    _on("backing_is_vmdk", "format", lambda base: put(base, FOREIGN["vmdk_descriptor"])),
    _on("backing_is_unreadable", "readable", lambda base: put(base).chmod(0o640)),
    _on(
        "backing_has_a_data_file",
        "data_file",
        lambda base: put(base, qcow2(incompatible_features=DATA_FILE)),
        b"qcow2",
    ),
    Case("backing_through_a_symlink_in_the_middle", "data_file", _symlinked_in_the_middle, names="base"),
    _header("data_file_bit", "data_file", incompatible_features=DATA_FILE),
    _header("data_file_name", "data_file", (DATA_FILE_NAME, b"/etc/shadow")),
    _header("data_file_both", "data_file", (DATA_FILE_NAME, b"/etc/shadow"), incompatible_features=DATA_FILE),
    _header("data_file_raw_without_one", "data_file", autoclear_features=2),
    Case("chain_of_itself", "chain_loop", _chain("image0")),
    Case("chain_of_itself_by_another_path", "chain_loop", _chain("./../images/image0"), names="image0"),
    Case("chain_of_three_that_loops", "chain_loop", _chain("image1", "image2", "image0")),
    Case("chain_that_loops_further_down", "chain_loop", _chain("image1", "image2", "image1"), names="image1"),
    Case("chain_of_hard_links", "chain_loop", _hard_links, names="other-name"),
    Case("chain_too_deep", "chain_depth", _chain("image1", "image2", ""), "[staging]\nchain_depth = 2\n"),
    Case("chain_too_deep_by_default", "chain_depth", _chain(*(f"image{n}" for n in range(1, 9)), "")),
    Case("chain_not_allowed_at_all", "chain_depth", _chain("image1", ""), "[staging]\nchain_depth = 1\n"),
    # where files may be
    Case("chain_leaves_by_a_symlink", "image_dirs", _leaves("link"), IMAGES),
    Case("chain_leaves_by_a_symlink_to_a_directory", "image_dirs", _leaves("directory-link/base"), IMAGES),
    Case("chain_leaves_by_dots", "image_dirs", _leaves("../elsewhere/base"), IMAGES),
    Case("chain_leaves_by_many_dots", "image_dirs", _leaves("../" * 60 + "etc/passwd"), IMAGES),
    Case("chain_leaves_by_an_absolute_name", "image_dirs", _leaves_by_absolute_name, IMAGES),
    Case("image_is_a_symlink_elsewhere", "image_dirs", _is_a_symlink, IMAGES),
    Case("image_lies_beside_its_directory", "image_dirs", _lies_beside, IMAGES),
    # two formats in one file
    _patched("polyglot_qcow2_mbr", "polyglot", (510, b"\x55\xaa")),
    _patched("polyglot_qcow2_gpt", "polyglot", (510, b"\x55\xaa"), (512, b"EFI PART")),
    _patched("polyglot_qcow2_gpt_only", "polyglot", (512, b"EFI PART")),
    _patched("polyglot_qcow2_iso", "polyglot", (0x8001, b"CD001")),
    _patched("polyglot_qcow2_vhd", "polyglot", (4 * CLUSTER - 512, b"conectix")),
    _patched("polyglot_qcow2_dmg", "polyglot", (4 * CLUSTER - 512, b"koly")),
    _patched("polyglot_qcow2_vdi", "polyglot", (0x40, b"\x7f\x10\xda\xbe")),
    _patched("polyglot_qcow2_tar", "polyglot", (257, b"ustar")),
    Case("polyglot_signature_mbr", "polyglot", _content(_at((0, b"QFI\xfb"), (510, b"\x55\xaa")))),
    Case("polyglot_vmdk_vhd", "polyglot", _content(_at((0, b"KDMV"), (-512, b"conectix")))),
    Case("polyglot_gzip_tar", "polyglot", _content(_at((0, b"\x1f\x8b"), (257, b"ustar")))),
    # the qcow2 header
    _header("version_0", "version", version=0),
    _header("version_1", "version", version=1),
    _header("version_4", "version", version=4),
    _header("version_largest", "version", version=2**32 - 1),
    _header("feature_5", "unknown_features", incompatible_features=1 << 5),
    _header("feature_63", "unknown_features", incompatible_features=1 << 63),
    _header("feature_of_all", "unknown_features", incompatible_features=2**64 - 1),
    _header("corrupt", "corrupt", incompatible_features=CORRUPT),
    _header("dirty", "dirty", incompatible_features=DIRTY),
    _header("encrypted_aes", "encrypted", crypt_method=1),
    _header("encrypted_aes_v2", "encrypted", version=2, crypt_method=1),
    _header("encrypted_luks", "encrypted", crypt_method=2),
    _header("encrypted_unknown", "encrypted", crypt_method=2**32 - 1),
    _header("encrypted_by_extension", "encrypted", (ENCRYPTION, bytes(16))),
    _header("compression_unknown", "compression", incompatible_features=COMPRESSION, compression_type=2),
    _header("compression_zstd_without_its_bit", "compression", compression_type=1),
    _header("compression_bit_without_zstd", "compression", incompatible_features=COMPRESSION),
    _header("compression_beyond_the_fields", "compression", incompatible_features=COMPRESSION, header_length=104),
    _header("refcount_order_7", "refcount_order", refcount_order=7),
    _header("refcount_order_largest", "refcount_order", refcount_order=2**32 - 1),
    _header("clusters_of_256", "cluster_size", cluster_bits=8),
    _header("clusters_of_4_mib", "cluster_size", cluster_bits=22),
    _header("clusters_of_1_v2", "cluster_size", version=2, cluster_bits=0),
    _header("clusters_largest", "cluster_size", cluster_bits=2**32 - 1),
    _header("subclusters_of_256", "cluster_size", cluster_bits=13, incompatible_features=EXTENDED_L2),
    _header("header_too_short", "header_length", header_length=96),
    _header("header_of_nothing", "header_length", header_length=0),
    _header("header_odd", "header_length", header_length=105),
    _header("header_larger_than_a_cluster", "header_length", header_length=CLUSTER + 8),
    _header("header_largest", "header_length", header_length=2**32 - 8),
    _patched("extension_without_end", "header_extensions", (112, b"\x12\x34\x56\x78\xff\xff\xff\xf8")),
    _patched("extension_beyond_its_cluster", "header_extensions", (112, b"\x12\x34\x56\x78\0\1\0\0")),
    _backed("extension_over_the_backing_name", "header_extensions", b"base", None, backing_file_offset=116),
    # it ends where our reading of the file ends, so that it hides the next
    _header(
        "extension_hides_another", "header_extensions", (UNKNOWN_EXTENSION, bytes(0x8800 - 120)), (DATA_FILE_NAME, b"x")
    ),
    _header("extension_of_bitmaps_too_short", "header_extensions", (BITMAPS, bytes(16)), autoclear_features=1),
    _header("extension_of_bitmaps_too_short_v2", "header_extensions", (BITMAPS, bytes(16)), version=2),
    _header("extension_of_no_bitmaps", "header_extensions", (BITMAPS, bytes(24)), autoclear_features=1),
    _header("size_0", "empty", size=0),
    _header("size_below_a_sector", "empty", size=511),
    _header("size_above_2_to_63", "virtual_size", size=2**63),
    _header("size_largest", "virtual_size", size=2**64 - 1),
    _header("size_above_the_default", "virtual_size", size=(16 << 40) + 512),
    Case("size_above_the_policy", "virtual_size", _content(qcow2(size=MIB + 512)), '[staging]\nvirtual_size = "1M"\n'),
    _header("l1_none", "l1_table", l1_size=0),
    _header("l1_too_small", "l1_table", size=1 << 40),
    _header("l1_largest", "l1_table", l1_size=2**32 - 1),
    _header("l1_larger_than_32_mib", "l1_table", l1_size=(4 << 20) + 1),
    _header("l1_nowhere", "l1_table", l1_table_offset=0),
    _header("l1_unaligned", "l1_table", l1_table_offset=3 * CLUSTER + 512),
    _header("l1_beyond_the_file", "truncated", l1_table_offset=4 * CLUSTER),
    _header("l1_across_the_end", "truncated", l1_size=CLUSTER // 8 + 1),
    _header("l1_at_the_end_of_all", "truncated", l1_table_offset=2**64 - CLUSTER),
    _header("l1_at_the_end_of_all_unaligned", "l1_table", l1_table_offset=2**64 - 512),
    _header("refcounts_none", "refcount_table", refcount_table_clusters=0),
    _header("refcounts_nowhere", "refcount_table", refcount_table_offset=0),
    _header("refcounts_unaligned_v2", "refcount_table", version=2, refcount_table_offset=CLUSTER + 8),
    _header("refcounts_too_large", "refcount_table", refcount_table_clusters=8 * MIB // CLUSTER + 1),
    _header("refcounts_largest", "refcount_table", refcount_table_clusters=2**32 - 1),
    _header("refcounts_beyond_the_file", "truncated", refcount_table_offset=1 << 40),
    _header("snapshots_too_many", "snapshot_table", nb_snapshots=65537, snapshots_offset=CLUSTER),
    _header("snapshots_largest", "snapshot_table", nb_snapshots=2**32 - 1, snapshots_offset=CLUSTER),
    _header("snapshots_nowhere", "snapshot_table", nb_snapshots=1),
    _header("snapshots_unaligned", "snapshot_table", nb_snapshots=1, snapshots_offset=CLUSTER + 8),
    _header("snapshots_none_unaligned", "snapshot_table", snapshots_offset=8),
    _header("snapshots_none_at_the_end_of_all", "snapshot_table", snapshots_offset=2**64 - CLUSTER),
    _header("snapshots_beyond_the_file", "truncated", nb_snapshots=1, snapshots_offset=4 * CLUSTER),
    _header("truncated_after_5_bytes", "truncated", length=5),
    _header("truncated_after_8_bytes", "truncated", length=8),
    _header("truncated_after_71_bytes_v2", "truncated", version=2, length=71),
    _header("truncated_after_72_bytes_v2", "truncated", version=2, length=72),
    _header("truncated_after_103_bytes", "truncated", length=103),
    _header("truncated_after_104_bytes", "truncated", length=104),
    _header("truncated_after_the_header", "truncated", length=CLUSTER),
    # other formats
    *(Case(f"format_{name}", "format", _content(content)) for name, content in FOREIGN.items()),
    # what is no file to read
    Case("file_empty", "empty", _content(b"")),
    Case("file_is_a_fifo", "file_type", lambda directory: _fifo(directory / "image")),
    Case("file_is_a_socket", "file_type", lambda directory: _socket(directory / "image")),
    Case("file_is_a_directory", "file_type", lambda directory: _directory(directory / "image")),
    Case("file_is_a_device", "file_type", lambda directory: Path("/dev/zero")),
    Case("file_is_missing", "", lambda directory: directory / "image", code=errno.ENOENT),
    Case("file_below_a_file", "", _below_a_file, code=errno.ENOTDIR),
    Case("file_name_too_long", "", lambda directory: directory / ("x" * 256), code=errno.ENAMETOOLONG),
    Case("file_is_a_symlink_loop", "", _symlink_loop, code=errno.ELOOP),
    Case("file_of_8_eib", "virtual_size", _sparse(2**63 - 1), sparse=True),
    Case("file_above_the_default", "virtual_size", _sparse((16 << 40) + 1), sparse=True),
    Case("file_above_the_policy", "virtual_size", _content(bytes(MIB + 1)), '[staging]\nvirtual_size = "1M"\n'),
    Case("file_not_readable_by_all", "readable", _with_mode(0o640)),
    Case("file_not_readable_by_anybody", "readable", _with_mode(0)),
    Case("directory_not_searchable_by_all", "searchable", _behind(0o750)),
    Case("directory_not_searchable_by_anybody", "searchable", _behind(0)),
]
