"""Sound images of every kind, as qemu-img and partitioning programs write them, and partial copies of them.

QEMU is the oracle: a cut image that is accepted must have the content of the whole one.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from condor_kvm_stage.failures import SpecificationError
from condor_kvm_stage.images import image
from condor_kvm_stage.policy.model import StagingPolicy
from hostile.partial import SECTOR, write_gpt, write_mbr

MIB = 1 << 20

# Options of qemu-img create; with data written by a guest, by convert, and, where that can be, by convert -c
OPTIONS = [
    "compat=0.10",
    "compat=1.1",
    "compat=0.10,cluster_size=512",
    "cluster_size=512",
    "cluster_size=4k",
    "cluster_size=2M",
    "extended_l2=on",
    "extended_l2=on,cluster_size=16k",
    "compression_type=zstd",
    "lazy_refcounts=on",
    *(f"refcount_bits={bits}" for bits in (1, 2, 4, 8, 32, 64)),
    "refcount_bits=1,cluster_size=512",
    "preallocation=metadata",
    "preallocation=metadata,cluster_size=512",
    "preallocation=metadata,extended_l2=on",
    "preallocation=falloc",
    "preallocation=full",
    "preallocation=full,cluster_size=512",
]


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=120)


@dataclass(frozen=True)
class Sound:
    """An image as a program has written it. path: changes when the next one is made."""

    name: str
    path: Path
    format: str = "qcow2"
    is_compressed: bool = False


def data(random: Random) -> bytes:
    """Return a disk of some MiB: mostly zeros, some that can be compressed, some that cannot, often up to its end."""
    disk = bytearray(random.choice([MIB, 1234944, 3 * MIB, 5 * MIB + SECTOR]))
    for _ in range(random.randint(1, 12)):
        length = random.choice([SECTOR, 4096, 70_000, 200_000])
        at = random.randrange(0, len(disk) - length) // SECTOR * SECTOR
        disk[at : at + length] = random.randbytes(length) if random.random() < 0.7 else b"\x42" * length
    if random.random() < 0.7:
        disk[-700:] = random.randbytes(700)
    return bytes(disk)


def qcow2(directory: Path, random: Random, options: list[str]) -> Iterator[Sound]:
    """Give images of each of the options, each in several states, as QEMU leaves them."""
    raw, path = directory / "raw", directory / "image"
    for option in options:
        raw.write_bytes(data(random))
        for how in ("create", "convert", *([] if "preallocation" in option else ["convert -c"])):
            path.unlink(missing_ok=True)
            try:
                if how == "create":
                    run("qemu-img", "create", "-q", "-f", "qcow2", "-o", option, path, str(raw.stat().st_size))
                else:
                    run("qemu-img", *how.split(), "-f", "raw", "-O", "qcow2", "-o", option, raw, path)
            except subprocess.CalledProcessError:
                if "zstd" in option:  # which not every QEMU is built with
                    continue
                raise
            is_compressed = how.endswith("-c")
            yield Sound(f"{how} {option}", path, is_compressed=is_compressed)
            for step, change in _changes(option, raw.stat().st_size, random):
                try:
                    change(path)
                except subprocess.CalledProcessError:
                    if step == "compressed":  # only whole clusters that nothing is in can be written so
                        continue
                    if "refcount_bits" in option:  # too small for a snapshot of compressed clusters
                        break
                    raise
                is_compressed = is_compressed or step == "compressed"
                yield Sound(f"{how} {option}, {step}", path, is_compressed=is_compressed)


def _changes(option: str, size: int, random: Random) -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Give what may happen to an image, and its name, in an order in which it can."""

    def change(*command: str) -> Callable[[Path], None]:
        return lambda path: run(*[str(path) if word == "IMAGE" else word for word in command])

    def io(*commands: str) -> Callable[[Path], None]:
        return change("qemu-io", "-f", "qcow2", *(word for one in commands for word in ("-c", one)), "IMAGE")

    def write() -> str:
        length = random.choice([SECTOR, 4096, 65536])
        return f"write -P 66 {random.randrange(0, size - length) // SECTOR * SECTOR} {length}"

    if random.random() < 0.8:
        yield "written", io(*(write() for _ in range(random.randint(1, 6))))
    if random.random() < 0.3 and "extended" not in option:
        yield "compressed", io(f"write -c -P 66 0 {2 * MIB if '2M' in option and size >= 2 * MIB else 65536}")
    if random.random() < 0.4 and "refcount_bits=1" not in option.split(","):
        yield "snapshot", change("qemu-img", "snapshot", "-c", "one", "IMAGE")
        yield "snapshot, written", io(write())
        if random.random() < 0.5:
            yield "snapshot deleted", change("qemu-img", "snapshot", "-d", "one", "IMAGE")
    if random.random() < 0.3 and "0.10" not in option:
        yield "bitmap", change("qemu-img", "bitmap", "--add", "IMAGE", "one")
    if random.random() < 0.3:
        yield "discarded", io("write -z 0 64k", "discard 0 64k")
    if random.random() < 0.3 and "0.10" not in option:  # which cannot be with snapshots
        yield "enlarged", change("qemu-img", "resize", "IMAGE", "+3M")


def raw(directory: Path, random: Random) -> Iterator[Sound]:
    """Give disks with each kind of partition table, whose last partition has data up to its end."""
    path = directory / "image"
    kinds: dict[str, Callable[[bytearray], None]] = {
        "MBR": lambda disk: write_mbr(disk, (0x83, 2048, 1024), (0x83, 4096, len(disk) // SECTOR - 4096)),
        "MBR, out of order": lambda disk: write_mbr(disk, (0x83, 4096, len(disk) // SECTOR - 4096), (0x0C, 2048, 1024)),
        "MBR, extended": lambda disk: write_mbr(disk, (0x83, 2048, 1024), (0x0F, 4096, len(disk) // SECTOR - 4096)),
        "MBR of one": lambda disk: write_mbr(disk, (0x07, 2048, len(disk) // SECTOR - 2048)),
        "GPT": write_gpt,
        "GPT, sectors of 4096": lambda disk: write_gpt(disk, 4096),
        "GPT, hybrid MBR": lambda disk: write_gpt(disk, SECTOR, (0x83, 2048, 1024)),
    }
    for name, partition in kinds.items():
        disk = bytearray(random.choice([4, 5, 8]) * MIB)
        # the copy of a GPT is at the very end, so that in all of them data go to the end
        disk[-9 * MIB // 8 :] = random.randbytes(len(disk[-9 * MIB // 8 :]))
        partition(disk)
        path.unlink(missing_ok=True)
        path.write_bytes(disk)
        yield Sound(name, path, "raw")


def cuts(size: int, random: Random, number: int) -> list[int]:
    """Return lengths to cut a file to: at its end, at ends of sectors, pages and clusters, in the middle."""
    chosen = {size - 1, size - SECTOR, size - 4096, size * 6 // 10, size // 65536 * 65536, size - 65536}
    while len(chosen) < number + 6:  # some are not within the file
        chosen.add(random.randrange(1, size))
    return random.sample(sorted(cut for cut in chosen if 0 < cut < size), k=number)


def cut(whole: Path, path: Path, length: int) -> None:
    """Make a file of the first bytes of another one, with its holes."""
    run("cp", "--sparse=always", whole, path)
    os.truncate(path, length)


def reads_the_same(whole: Path, other: Path, image_format: str) -> bool:
    """Return whether QEMU reads the same from both; False if it cannot read the second."""
    command = ["qemu-img", "compare", "-f", image_format, "-F", image_format, str(whole), str(other)]
    return subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == 0


def check(path: Path) -> str:
    """Return the check that an image fails, "" for none."""
    path.chmod(0o644)
    try:
        image.inspect(str(path), StagingPolicy(), lambda step: None)
    except SpecificationError as error:
        return error.check
    return ""


def judge(sounds: Iterator[Sound], random: Random, number: int) -> tuple[int, int]:
    """Return how many images there were, and how many cuts. AssertionError if one was judged wrongly."""
    images = cut_count = 0
    for sound in sounds:
        assert check(sound.path) == "", sound
        images += 1
        whole = sound.path.with_name("whole")
        size = sound.path.stat().st_size
        run("cp", "--sparse=always", sound.path, whole)
        part = sound.path.with_name("part")
        for length in cuts(size, random, number):
            cut(whole, part, length)
            cut_count += 1
            # How much of its last sector compressed data fill nobody can know who does not unpack them
            known = not sound.is_compressed or size - length >= SECTOR
            if check(part) == "" and known:
                assert reads_the_same(whole, part, sound.format), (sound, length, size)
    return images, cut_count
