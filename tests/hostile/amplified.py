"""A small qcow2 image of a huge disk: all L1 entries refer to one L2 table, and all of its entries to one cluster."""

from __future__ import annotations

import struct
import zlib

from .builder import CLUSTER, qcow2

_COMPRESSED = 1 << 62  # of an L2 entry, which then has the cluster's length in sectors from this bit on:
_SECTORS_BIT = 62 - 8
_ENTRIES = CLUSTER // 8
_TABLES = 4 * CLUSTER  # where the builder's image ends: after header, refcount table, refcount block and L1 table


def amplified(tables: int, content: bytes) -> bytes:
    """Return an image whose disk has `content` (a cluster) again and again: 512 MiB for each of so many L1 entries.

    tables: at most 8192, a cluster of L1 entries.
    """
    compress = zlib.compressobj(9, zlib.DEFLATED, -12)
    data = compress.compress(content) + compress.flush()
    l2_table, cluster = _TABLES, _TABLES + CLUSTER
    entry = _COMPRESSED | (len(data) - 1) // 512 << _SECTORS_BIT | cluster
    patches = [
        (2 * CLUSTER, struct.pack(">H", 1) * 6),
        (3 * CLUSTER, struct.pack(">Q", l2_table) * tables),
        (l2_table, struct.pack(">Q", entry) * _ENTRIES),
        (cluster, data),
    ]
    return qcow2(patches=patches, length=6 * CLUSTER, size=tables * _ENTRIES * CLUSTER, l1_size=tables)
