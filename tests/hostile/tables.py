"""Cases of tables of bitmaps and snapshots, and of headers, that QEMU rejects, or opens at any cost."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from .builder import BITMAPS, CLUSTER, MIB, UNKNOWN_EXTENSION, Extension, qcow2
from .case import Case, put

HAS_BITMAPS = 1  # of the autoclear features
IN_USE, AUTO = 1, 2  # a bitmap's flags
ALL_ONES = 1  # an entry of a bitmap's table, which then needs no cluster
SECTOR = 512
AFTER = 4  # the builder's image has so many clusters


@dataclass(frozen=True)
class Bitmap:
    """An entry of the bitmap directory. The default for table_offset is one that all bitmaps share."""

    name: bytes = b"backup"
    granularity_bits: int = 16
    table_size: int = 1
    flags: int = AUTO
    kind: int = 1
    extra: bytes = b""
    name_size: int | None = None
    table_offset: int = AFTER * CLUSTER

    def __bytes__(self) -> bytes:
        size = len(self.name) if self.name_size is None else self.name_size
        fixed = (self.table_offset, self.table_size, self.flags, self.kind, self.granularity_bits, size)
        return _padded(struct.pack(">QIIBBHI", *fixed, len(self.extra)) + self.extra + self.name)


@dataclass(frozen=True)
class Snapshot:
    """An entry of the snapshot table. The default for l1_offset is the disk's own L1 table."""

    name: bytes = b"before"
    identity: bytes = b"1"
    extra: bytes = bytes(8) + MIB.to_bytes(8, "big")
    extra_size: int | None = None
    l1_size: int = 1
    l1_offset: int = 3 * CLUSTER

    def __bytes__(self) -> bytes:
        extra_size = len(self.extra) if self.extra_size is None else self.extra_size
        sizes = (self.l1_offset, self.l1_size, len(self.identity), len(self.name))
        fixed = struct.pack(">QIHHIIQII", *sizes, 0, 0, 0, 0, extra_size)
        return _padded(fixed + self.extra + self.identity + self.name)


def with_bitmaps(
    bitmaps: Iterable[Bitmap],
    *,
    table: bytes = bytes(8),
    number: int | None = None,
    directory_offset: int | None = None,
    directory_size: int | None = None,
    extensions: Iterable[Extension] = (),
    backing: bytes = b"",
    backing_format: bytes = b"qcow2",
    **fields: int,
) -> bytes:
    """Return an image with these bitmaps. table: of which all are, by default a single entry: nothing is dirty."""
    listed = list(map(bytes, bitmaps))
    directory = b"".join(listed)
    table_clusters = -(-len(table) // CLUSTER)
    offset = (AFTER + table_clusters) * CLUSTER if directory_offset is None else directory_offset
    count = len(listed) if number is None else number
    size = len(directory) if directory_size is None else directory_size
    extension = (BITMAPS, struct.pack(">IIQQ", count, 0, size, offset))
    values = {"autoclear_features": HAS_BITMAPS, **fields}
    image = qcow2(3, backing, backing_format, [extension, *extensions], **values)  # type: ignore[arg-type]
    return image + _in_clusters(table) + _in_clusters(directory)


def with_snapshots(snapshots: Iterable[Snapshot], *, number: int | None = None, **fields: int) -> bytes:
    """Return an image with these snapshots."""
    listed = list(map(bytes, snapshots))
    count = len(listed) if number is None else number
    values = {"nb_snapshots": count, "snapshots_offset": AFTER * CLUSTER, **fields}
    return qcow2(**values) + _in_clusters(b"".join(listed))  # type: ignore[arg-type]


def _in_clusters(data: bytes) -> bytes:
    return data + bytes(-len(data) % CLUSTER)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def with_table(name: str, check: str, content: bytes | Callable[[], bytes], policy: str = "") -> Case:
    """content: a function if it is large."""
    return Case(
        name, check, lambda directory: put(directory / "image", content() if callable(content) else content), policy
    )


def many_bitmaps(count: int, name: bytes = b"", **values: int) -> list[Bitmap]:
    return [Bitmap(name=b"%05d" % number + name, **values) for number in range(count)]  # type: ignore[arg-type]


def many_snapshots(count: int, name: bytes = b"", identity: bytes = b"") -> list[Snapshot]:
    return [Snapshot(name=name, identity=b"%d" % number + identity) for number in range(count)]


def bitmap_bomb(count: int, virtual_size: int = 256 << 30) -> bytes:
    """Return an image of some hundred KiB whose bitmaps, of 512 bytes each, all share a table of nothing but ones."""
    entries = virtual_size // SECTOR // 8 // CLUSTER
    listed = many_bitmaps(count, granularity_bits=9, table_size=entries)
    table = ALL_ONES.to_bytes(8, "big") * entries
    return with_bitmaps(listed, table=table, size=virtual_size, l1_size=virtual_size >> 29)


def large_bitmap(mib: int, **more: object) -> bytes:
    """Return a sound image with a bitmap of so many MiB, of which none is in the file."""
    virtual_size = mib << 32  # of which each bit stands for a sector
    entries = (mib << 20) // CLUSTER
    listed = many_bitmaps(1, granularity_bits=9, table_size=entries)
    values = {"size": virtual_size, "l1_size": virtual_size >> 29, "table": bytes(8 * entries), **more}
    return with_bitmaps(listed, **values)  # type: ignore[arg-type]


def _chain_of_large_bitmaps(directory: Path) -> Path:
    base = put(directory / "base", large_bitmap(40))
    return put(directory / "image", large_bitmap(40, backing=bytes(base)))


def one_bitmap(what: str, /, **values: object) -> Case:
    return with_table(f"bitmap_{what}", "bitmaps", with_bitmaps([Bitmap(**values)]))  # type: ignore[arg-type]


FEW = "[staging]\nbitmaps = 1\nsnapshots = 1\n"
CASES = [
    # What costs memory or time
    with_table("bitmap_bomb", "cost", bitmap_bomb(1)),
    with_table("bitmap_bomb_of_20", "cost", bitmap_bomb(20)),
    with_table("bitmap_bomb_of_small_ones", "cost", bitmap_bomb(50, 4 << 30)),
    with_table("bitmaps_20000", "bitmaps", lambda: with_bitmaps(many_bitmaps(20_000, b"x" * 995))),
    with_table("bitmaps_65", "bitmaps", with_bitmaps(many_bitmaps(65))),
    with_table("bitmaps_with_long_names", "cost", with_bitmaps(many_bitmaps(40, b"x" * 1018))),
    with_table("bitmaps_above_the_policy", "bitmaps", with_bitmaps(many_bitmaps(2)), FEW),
    with_table("bitmap_with_a_name_above_the_policy", "cost", with_bitmaps(many_bitmaps(1, b"x" * 600)), FEW),
    with_table("snapshots_65536", "snapshot_table", lambda: with_snapshots(many_snapshots(65536))),
    with_table("snapshots_65", "snapshot_table", with_snapshots(many_snapshots(65))),
    with_table("snapshots_above_the_policy", "snapshot_table", with_snapshots(many_snapshots(2)), FEW),
    with_table("snapshots_with_long_names", "cost", with_snapshots(many_snapshots(2, b"x" * 65535))),
    with_table("snapshots_with_long_ids", "cost", with_snapshots(many_snapshots(2, b"x", b"0" * 40000))),
    with_table(
        "tables_larger_than_each_may_be",
        "cost",
        with_bitmaps(many_bitmaps(1, granularity_bits=9), size=48 << 32, l1_size=48 << 3),
    ),
    Case("chain_of_large_bitmaps", "cost", _chain_of_large_bitmaps),
    # Tables of bitmaps that QEMU does not open
    one_bitmap("of_unknown_type", kind=2),
    one_bitmap("with_unknown_flags", flags=4),
    one_bitmap("with_extra_data", extra=bytes(8)),
    one_bitmap("too_fine", granularity_bits=8),
    one_bitmap("too_coarse", granularity_bits=32),
    one_bitmap("without_a_table", table_offset=0),
    one_bitmap("with_a_table_of_nothing", table_size=0),
    one_bitmap("with_a_huge_table", table_size=(512 * MIB // CLUSTER) + 1),
    one_bitmap("unaligned", table_offset=AFTER * CLUSTER + 512),
    one_bitmap("at_the_end_of_all", table_offset=(1 << 64) - CLUSTER),
    one_bitmap("with_a_name_too_long", name=b"x" * 1024),
    one_bitmap("with_a_name_beyond_the_directory", name_size=1000),
    # QEMU writes the directory back without what follows the NUL
    one_bitmap("with_a_nul_in_its_name", name=b"backup\0xxxxxxxxxx"),
    with_table("bitmaps_fewer_than_said", "bitmaps", with_bitmaps(many_bitmaps(1), number=2)),
    with_table("bitmaps_more_than_said", "bitmaps", with_bitmaps(many_bitmaps(3), number=2)),
    with_table("bitmaps_in_the_header", "bitmaps", with_bitmaps(many_bitmaps(1), directory_offset=0)),
    with_table("bitmaps_of_a_large_directory", "bitmaps", with_bitmaps(many_bitmaps(1), directory_size=5000)),
    with_table("bitmaps_beyond_the_file", "truncated", with_bitmaps(many_bitmaps(1), directory_offset=1 << 40)),
    # The same for snapshots
    with_table("snapshot_with_much_extra_data", "snapshot_table", with_snapshots([Snapshot(extra=bytes(1032))])),
    with_table("snapshot_with_endless_extra_data", "snapshot_table", with_snapshots([Snapshot(extra_size=2**32 - 1)])),
    with_table("snapshots_cut", "truncated", with_snapshots(many_snapshots(64, b"x" * 100))[: AFTER * CLUSTER + 4096]),
]


def _over(
    table: str = "", patches: Iterable[tuple[int, bytes]] = (), snapshots: Iterable[Snapshot] = (), **fields: int
) -> bytes:
    """Return an image with a bitmap directory, at DIRECTORY, that is also what a field or an entry of a table says."""
    fields.update({table: DIRECTORY} if table else {})
    made = with_bitmaps(many_bitmaps(1), **fields)  # type: ignore[arg-type]
    image = bytearray(made + _in_clusters(b"".join(map(bytes, snapshots))))
    for offset, data in patches:
        image[offset : offset + len(data)] = data
    return bytes(image)


def full_header(cluster_bits: int, room: int, *extensions: Extension, header_length: int = 104, **fields: int) -> bytes:
    """Return an image whose header leaves so many bytes of its cluster. There is no end of the extensions then."""
    cluster = 1 << cluster_bits
    used = sum(8 + len(data) for _, data in extensions)
    filled = [*extensions, (UNKNOWN_EXTENSION, bytes(cluster - header_length - used - 8 - room))]
    data = b"".join(struct.pack(">II", kind, len(data)) + data for kind, data in filled) + bytes(room)
    values = {"cluster_bits": cluster_bits, "l1_size": max(1, MIB >> (2 * cluster_bits - 3)), **fields}
    image = qcow2(patches=[(header_length, data)], header_length=header_length, **values)  # type: ignore[arg-type]
    return image + _in_clusters(bytes(8)) + _in_clusters(bytes(Bitmap()))


DIRECTORY = (AFTER + 1) * CLUSTER
HEADER_EXTENSION = (BITMAPS, struct.pack(">IIQQ", 1, 0, len(bytes(Bitmap())), DIRECTORY))

# QEMU opens these read-only, but not for a guest that writes to them
WRITTEN_CASES = [
    with_table("feature_that_qemu_clears_without_room", "unknown_features", full_header(9, 0, autoclear_features=4)),
    with_table("bitmaps_over_the_l1_table", "bitmaps", _over("l1_table_offset")),
    with_table("bitmaps_over_the_snapshots", "bitmaps", _over("snapshots_offset", nb_snapshots=1)),
    with_table(
        "bitmaps_over_an_l2_table", "bitmaps", _over(patches=[(3 * CLUSTER, struct.pack(">Q", DIRECTORY | 1 << 63))])
    ),
    # with so many clusters that the directory does not count any behind the file's end
    with_table(
        "bitmaps_over_a_refcount_block",
        "bitmaps",
        _over(patches=[(CLUSTER, DIRECTORY.to_bytes(8, "big"))]) + bytes(12 * CLUSTER),
    ),
    with_table(
        "bitmaps_over_the_l1_table_of_a_snapshot",
        "bitmaps",
        _over(snapshots=[Snapshot(l1_offset=DIRECTORY)], nb_snapshots=1, snapshots_offset=DIRECTORY + CLUSTER),
    ),
    with_table("bitmaps_without_room", "header_space", full_header(9, 0, HEADER_EXTENSION, autoclear_features=1)),
    with_table(
        "bitmaps_without_room_for_names_of_features",
        "header_space",
        full_header(13, 300, HEADER_EXTENSION, header_length=112, autoclear_features=1),
    ),
    with_table("outdated_bitmaps_without_room", "header_space", full_header(13, 0, HEADER_EXTENSION)),
]
# QEMU opens this one, but what the feature is about would be lost
FEATURE_THAT_IS_CLEARED = with_table("feature_that_is_cleared", "unknown_features", qcow2(autoclear_features=1 << 63))
