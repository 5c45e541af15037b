"""The builder of qcow2 images: a sound one, with whatever is to be wrong with it."""

from __future__ import annotations

from collections.abc import Iterable

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
