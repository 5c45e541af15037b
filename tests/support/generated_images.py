"""Images by the thousand: sound ones as qemu-img writes them, and mutants of these, each with what a guest must read.

    source = Random(seed)
    makers = [*qcow2_makers(source, 100)]                  # each writes one sound image
    seeds = [make(directory) for make in makers]           # Sound, held in memory
    mutant = mutate(source.choice(seeds), source)          # Mutant: the bytes, what was done to them
    mutant.write(directory / "image")

Backing files, if an image has one, are beside the sound images: write mutants into the same directory.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from hostile.builder import FIELDS

SECTOR = 512
SIZE = (1 << 20) + 9 * SECTOR  # of most disks: no whole number of clusters of any size
CLUSTER_SIZES = [1 << bits for bits in range(9, 22)]


@dataclass(frozen=True)
class Piece:
    """A part of a disk that is one byte throughout."""

    offset: int
    length: int
    byte: int


CONTENT = (
    Piece(0, 3 * SECTOR, 0xA1),
    Piece(3 * SECTOR, (64 << 10) - 3 * SECTOR, 0),
    Piece(64 << 10, 64 << 10, 0xB2),
    Piece(128 << 10, 640 << 10, 0),
    Piece(768 << 10, 5 * SECTOR, 0xC3),
    Piece((768 << 10) + 5 * SECTOR, SIZE - (768 << 10) - 9 * SECTOR, 0),
    Piece(SIZE - 4 * SECTOR, 4 * SECTOR, 0xD4),
)


@dataclass(frozen=True)
class Sound:
    """A sound image. extents: its file's data by offset; what is between them are holes."""

    name: str
    format: str
    extents: tuple[tuple[int, bytes], ...]
    size: int
    content: tuple[Piece, ...]

    def write(self, path: Path) -> None:
        with open(path, "wb", buffering=0) as file:
            for offset, data in self.extents:
                file.seek(offset)
                file.write(data)
            file.truncate(self.size)

    def read(self, offset: int, length: int) -> bytes:
        """Return some of the file's bytes; fewer where it ends."""
        found = bytearray(max(0, min(length, self.size - offset)))
        for begin, data in self.extents:
            first, end = max(begin, offset), min(begin + len(data), offset + len(found))
            if first < end:
                found[first - offset : end - offset] = data[first - begin : end - begin]
        return bytes(found)

    def number(self, field: str) -> int:
        """Return a field of a qcow2 header, by its name in hostile.builder.FIELDS."""
        return int.from_bytes(self.read(*FIELDS[field]), "big")


@dataclass(frozen=True)
class Mutant(Sound):
    """What became of a sound image. kind: "cut", "extended", "header" or "table", by what was done to it.

    is_sound: whether a guest still reads `content` from it for certain. lost: how many bytes at its end.
    """

    kind: str = ""
    is_sound: bool = False
    lost: int = 0


Maker = Callable[[Path], Sound]


def load(path: Path, name: str, image_format: str, content: tuple[Piece, ...]) -> Sound:
    """Take a file into memory, without its holes."""
    extents, size, at = [], path.stat().st_size, 0
    with open(path, "rb", buffering=0) as file:
        while at < size:
            try:
                begin = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:  # nothing but a hole
                break
            at = os.lseek(file.fileno(), begin, os.SEEK_HOLE)
            extents.append((begin, os.pread(file.fileno(), at - begin, begin)))
    return Sound(name, image_format, tuple(extents), size, content)


def fill(path: Path, content: tuple[Piece, ...] = CONTENT) -> None:
    """Write a disk's content as a raw image."""
    with open(path, "wb") as file:
        for piece in content:
            if piece.byte:
                file.seek(piece.offset)
                file.write(bytes([piece.byte]) * piece.length)
        file.truncate(sum(piece.length for piece in content))


# What one qcow2 image is made with: qemu-img's options of the format, then what is done to it
@dataclass(frozen=True)
class Qcow2:
    options: tuple[str, ...] = ()
    compressed: bool = False
    backing: str = ""
    bitmaps: int = 0
    snapshots: int = 0

    def __str__(self) -> str:
        more = [f"{name}={getattr(self, name)}" for name in ("compressed", "backing", "bitmaps", "snapshots")]
        return ",".join([*self.options, *(word for word in more if not word.endswith(("=", "=0", "=False")))])

    def __call__(self, directory: Path) -> Sound:
        path, options = directory / "made.qcow2", ["-o", ",".join(self.options)] if self.options else []
        source = directory / "base.raw"
        if not source.exists():
            fill(source)
            _run("qemu-img", "convert", "-O", "qcow2", source, directory / "base.qcow2")
        if self.backing:
            base = ["-F", self.backing, "-b", f"base.{self.backing}"]
            _run("qemu-img", "create", "-q", "-f", "qcow2", *options, *base, path)
        else:
            how = ["-c"] if self.compressed else []
            _run("qemu-img", "convert", *how, "-O", "qcow2", *options, source, path)
        for number in range(self.bitmaps):
            off = ["--disable"] if number % 3 == 2 else []
            _run("qemu-img", "bitmap", "--add", *off, "-g", str(512 << (number * 3 % 12)), path, f"backup-{number}")
        for number in range(self.snapshots):
            _run("qemu-img", "snapshot", "-c", f"before change {number}", path)
        content = CONTENT
        if self.backing or self.bitmaps > 1 or self.snapshots > 1:
            piece = Piece(CONTENT[2].offset, CONTENT[2].length, 0xE5)
            content = (*CONTENT[:2], piece, *CONTENT[3:])
            _run("qemu-io", "-f", "qcow2", "-c", f"write -P {piece.byte} {piece.offset} {piece.length}", path)
        sound = load(path, str(self), "qcow2", content)
        path.unlink()
        return sound


def qcow2_makers(source: Random, number: int) -> Iterator[Qcow2]:
    """Give the makers of the subformats, one by one, and then so many of random ones."""
    yield Qcow2()
    yield Qcow2(("compat=0.10",))
    for size in CLUSTER_SIZES:
        yield Qcow2((f"cluster_size={size}",))
    for width in (1, 2, 4, 8, 32, 64):
        yield Qcow2((f"refcount_bits={width}",))
    for preallocation in ("metadata", "falloc", "full"):
        yield Qcow2((f"preallocation={preallocation}",))
    for options in (("compression_type=zlib",), ("compression_type=zstd",), ("compat=0.10",)):
        yield Qcow2(options, compressed=True)
    yield Qcow2(("extended_l2=on",))
    yield Qcow2(("lazy_refcounts=on",))
    yield Qcow2(backing="raw")
    yield Qcow2(("compat=0.10", "cluster_size=512"), backing="qcow2")
    yield Qcow2(bitmaps=4)
    yield Qcow2(("cluster_size=512",), bitmaps=3, snapshots=3)
    yield Qcow2(("compat=0.10",), snapshots=3)
    for _ in range(number):
        yield random_qcow2(source)


def random_qcow2(source: Random) -> Qcow2:
    """Return the maker of an image of any subformat."""
    cluster = source.choice(CLUSTER_SIZES)
    options = [f"cluster_size={cluster}"]
    backing = source.choice(["", "", "raw", "qcow2"])
    width = 16
    if source.random() < 0.25:
        options.append("compat=0.10")
        bitmaps = 0
    else:
        width = 1 << source.randrange(7)
        options.append(f"refcount_bits={width}")
        if cluster >= 1 << 14 and source.random() < 0.4:
            options.append("extended_l2=on")
        options.append(f"compression_type={source.choice(['zlib', 'zstd'])}")
        options.append(f"lazy_refcounts={source.choice(['off', 'off', 'on'])}")
        bitmaps = source.choice([0, 0, source.randrange(1, 7)])
    compressed = not backing and source.random() < 0.3
    if not backing and not compressed:
        options.append(f"preallocation={source.choice(['off', 'metadata', 'falloc', 'full'])}")
    # a snapshot counts the clusters that it shares with the disk once more, and compressed ones share a cluster as well
    most = min(3, (1 << width) - 2) if width >= 8 or not compressed else 0
    snapshots = source.choice([0, 0, source.randint(0, most)])
    return Qcow2(tuple(options), compressed, backing, bitmaps, snapshots)


def mutate(sound: Sound, source: Random) -> Mutant:
    """Return a mutant of an image."""
    kinds = [cut, extended] + ([header, header, table, table] if sound.format == "qcow2" else [])
    return source.choice(kinds)(sound, source)


def cut(sound: Sound, source: Random) -> Mutant:
    """A copy that was interrupted."""
    cluster = 1 << sound.number("cluster_bits") if sound.format == "qcow2" else 1 << 16
    places = [
        lambda: source.randrange(sound.size),
        lambda: source.randrange(min(sound.size, 4 * cluster)),
        lambda: source.randrange(sound.size) // cluster * cluster,
        lambda: max(0, sound.size - source.randint(1, 2 * cluster)),
        lambda: sound.size - 1,
    ]
    size = source.choice(places)()
    extents = tuple((offset, data[: size - offset]) for offset, data in sound.extents if offset < size)
    return _mutant(sound, "cut", size=size, extents=extents, lost=sound.size - size)


def extended(sound: Sound, source: Random) -> Mutant:
    """Something follows the image: zeros of a block device, or garbage. To a qcow2 image that is no harm."""
    length = source.choice([1, SECTOR, source.randrange(1, 1 << 17)])
    extents = sound.extents
    if source.random() < 0.5:
        extents = (*extents, (sound.size, source.randbytes(length)))
    is_sound = sound.format == "qcow2"
    return _mutant(sound, "extended", is_sound=is_sound, size=sound.size + length, extents=extents)


def header(sound: Sound, source: Random) -> Mutant:
    """Up to three fields of the header, or bytes of its extensions, are something else."""
    mutant = _mutant(sound, "header")
    for _ in range(source.choice([1, 1, 1, 2, 3])):
        if source.random() < 0.6:
            offset, length = FIELDS[source.choice(sorted(FIELDS))]
        else:
            offset, length = source.randrange(64, 1024), 1
        mutant = _patched(mutant, offset, _other(mutant.read(offset, length), source))
    return mutant


def table(sound: Sound, source: Random) -> Mutant:
    """A few bits of the tables to which the header leads are wrong."""
    mutant = _mutant(sound, "table")
    cluster = 1 << sound.number("cluster_bits")
    places = [sound.number(f"{name}_offset") for name in ("l1_table", "refcount_table", "snapshots")]
    # refcount blocks, bitmap directory and tables of small images are among the first clusters
    places += [cluster * number for number in range(1, 12)]
    for _ in range(source.choice([1, 2, 8])):
        offset = source.choice([place for place in places if 0 < place < sound.size]) + source.randrange(96)
        mutant = _patched(mutant, offset, _other(mutant.read(offset, 1), source))
    return mutant


def _other(data: bytes, source: Random) -> bytes:
    """Return what a field becomes: a bit flips, or it is a number of a kind that is often wrong."""
    bits, value = 8 * len(data), int.from_bytes(data, "big")
    if not bits:
        return data
    numbers = [0, 1, (1 << bits) - 1, 1 << (bits - 1), value + 1, value - 1, value * 2, 1 << source.randrange(bits)]
    flipped = value ^ 1 << source.randrange(bits)
    return (source.choice([flipped] * len(numbers) + numbers) % (1 << bits)).to_bytes(len(data), "big")


def _mutant(sound: Sound, kind: str, **changes: object) -> Mutant:
    values = {"extents": sound.extents, "size": sound.size, "is_sound": False, **changes}
    return Mutant(name=sound.name, format=sound.format, content=sound.content, kind=kind, **values)  # type: ignore[arg-type]


def _patched(mutant: Mutant, offset: int, data: bytes) -> Mutant:
    # the later extent has the last word
    data = data[: max(0, mutant.size - offset)]
    return replace(mutant, extents=(*mutant.extents, (offset, data))) if data else mutant


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)
