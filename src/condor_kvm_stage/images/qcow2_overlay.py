"""Write an empty qcow2 overlay: a disk that is all its backing file's, until something is written to it.

QEMU's docs/interop/qcow2 specifies the format; "…" names its sections here. We write it ourselves, because to start
qemu-img for it took 12 of a staging's 43 ms, and nearly all of what each further disk of a job took; to write it takes
0.1 ms.

What shows that it is right, on QEMU 5.2 to 11.1 (test_overlay.py, test_qemu_versions.py): the file is what `qemu-img
create` makes of the same arguments, byte for byte, but for one table in the header that is optional; `qemu-img check`
finds nothing; and what QEMU then does to it (writes, discards, snapshots, resize, rebase, commit) comes out right.
"""

import posix

from ..text import to_bytes

_CLUSTER_BITS = 16
_CLUSTER = 1 << _CLUSTER_BITS
# "Host cluster management": 16 bits for each, so that one refcount block is enough for 32768 clusters
_REFCOUNT_ORDER = 4
# "Cluster mapping": an entry of an L1 table stands for an L2 table, which is a cluster of entries of 8 bytes
_ENTRY = 8
_L1_COVERS = _CLUSTER // _ENTRY * _CLUSTER
_MAX_L1 = 32 << 20  # bytes; "Header", at size
_SECTOR = 512

# The largest virtual disk that an overlay can have, in bytes: 2 PiB
LARGEST = _MAX_L1 // _ENTRY * _L1_COVERS

# Where what is; the header is in the first cluster, and the L1 table has the rest of the file
_REFCOUNT_TABLE, _REFCOUNT_BLOCK, _L1_TABLE = _CLUSTER, 2 * _CLUSTER, 3 * _CLUSTER


def write(descriptor: int, base: str, base_format: str, size: int) -> None:
    """Make an empty file, open for writing, an overlay of `base` (absolute path, at most 1023 bytes).

    base_format: `raw` or `qcow2`. size: of the virtual disk in bytes, from 1 to LARGEST; it gets whole sectors.
    Raises OSError; the file is incomplete then.
    """
    l1_size = -(-size // _L1_COVERS)
    used = _L1_TABLE // _CLUSTER + -(-l1_size * _ENTRY // _CLUSTER)  # clusters, all that there are
    _write_all(descriptor, _header(to_bytes(base), base_format.encode(), size, l1_size), 0)
    _write_all(descriptor, _REFCOUNT_BLOCK.to_bytes(_ENTRY, "big"), _REFCOUNT_TABLE)  # its only entry
    _write_all(descriptor, b"\0\1" * used, _REFCOUNT_BLOCK)
    # Nothing is allocated: the L1 table is zeros. The table needs no whole cluster of the file, nor does qemu-img's.
    posix.ftruncate(descriptor, _L1_TABLE + l1_size * _ENTRY)


def _header(base: bytes, base_format: bytes, size: int, l1_size: int) -> bytes:
    # "Header extensions", each padded to 8 bytes. Without the "Feature name table", which qemu-img writes: it helps
    # programs to name a feature that they do not know, and this image has none. QEMU adds it when it writes a header.
    extensions = b"".join(
        (
            b"\xe2\x79\x2a\xca",  # "Backing file format name string"
            len(base_format).to_bytes(4, "big"),
            base_format.ljust(-(-len(base_format) // 8) * 8, b"\0"),
            bytes(8),  # "End of the header extension area"
        )
    )
    header_length = 112
    fields = (  # "Header", in its order: length in bytes, value
        (4, int.from_bytes(b"QFI\xfb", "big")),  # magic
        (4, 3),  # version
        (8, header_length + len(extensions)),  # backing_file_offset
        (4, len(base)),  # backing_file_size
        (4, _CLUSTER_BITS),  # cluster_bits
        (8, -(-size // _SECTOR) * _SECTOR),  # size
        (4, 0),  # crypt_method: none
        (4, l1_size),  # l1_size
        (8, _L1_TABLE),  # l1_table_offset
        (8, _REFCOUNT_TABLE),  # refcount_table_offset
        (4, 1),  # refcount_table_clusters
        (4, 0),  # nb_snapshots
        (8, 0),  # snapshots_offset
        (8, 0),  # incompatible_features
        (8, 0),  # compatible_features
        (8, 0),  # autoclear_features
        (4, _REFCOUNT_ORDER),  # refcount_order
        (4, header_length),  # header_length
        (8, 0),  # "Additional fields": compression_type, 0 for deflate, which is the default; padding
    )
    return b"".join(value.to_bytes(length, "big") for length, value in fields) + extensions + base


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    """Write data at an offset; the system may take only a part of it at a time."""
    while data:
        written = posix.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written
