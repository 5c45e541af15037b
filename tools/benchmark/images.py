"""The images that are staged: sparse ones with a known amount of data, chains, and many small ones."""

from __future__ import annotations

import random
from pathlib import Path

from testnode.run import run

FORMATS = ("raw", "qcow2")
_CHUNK = 1 << 20


def write(path: Path, size: int, data: int) -> None:
    """Make an image of `size` bytes, readable by all, of the format that its name ends in, with `data` bytes of data.

    Both are multiples of 1 MiB. The data are evenly spread pieces of 1 MiB, all with the same random content. An
    image of that name that exists is the same, of another section.
    """
    if path.exists():
        return
    raw = path if path.suffix == ".raw" else path.with_suffix(".partial")
    # the same in each run, so that none accidentally starts with the signature of another format
    chunk, count = random.Random("data").randbytes(_CHUNK), data // _CHUNK
    with open(raw, "wb") as file:
        file.truncate(size)
        for number in range(count):
            file.seek(number * (size // _CHUNK) // count * _CHUNK)
            file.write(chunk)
    if path != raw:
        run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, path], timeout=300)
        raw.unlink()
    path.chmod(0o644)


def chain(length: int) -> list[str]:
    """Return the names of a backing chain's files, starting with the base."""
    return [f"chain-{length}-{number}.qcow2" for number in range(1, length + 1)]


def write_chain(directory: Path, length: int) -> None:
    """Make a backing chain of qcow2 files, the last of which has 64 MiB of data on a disk of 1 GiB."""
    names = chain(length)
    write(directory / names[-1], 1 << 30, 64 << 20)
    for name, backing in zip(names[-2::-1], names[:0:-1]):
        # a relative name: the directory has another path on the node
        if (directory / name).exists():
            continue
        run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", backing, directory / name])
        (directory / name).chmod(0o644)


def many(count: int) -> list[str]:
    """Return the names of small images."""
    return [f"small-{number}.qcow2" for number in range(count)]


def write_many(directory: Path, count: int) -> None:
    """Make qcow2 images of 1 GiB without data."""
    for name in many(count):
        run(["qemu-img", "create", "-q", "-f", "qcow2", directory / name, "1G"])
        (directory / name).chmod(0o644)
