"""What a guest's disk can do: as we define it compared with HTCondor's definition and other options, alternating.

If KVM cannot run Linux (testnode.linux_guest.runs_on_kvm), QEMU emulates the guest's processor. What the guest does
itself takes longer then, and the difference that the disk makes is a smaller part of it. For that, `qemu-img bench` is
measured beside it, which needs no guest.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from testnode import linux_guest
from testnode.node import Node
from testnode.run import progress, run

from .domain_xml import Options
from .guest_runs import LEAVES, Guest, Runner, Sample
from .results import Goal, Result
from .scene import Scene

SECTION = "Guest I/O"
ROUNDS, BENCH_ROUNDS = 10, 15

_FSYNCS, _DATA, _READS, _FILES = 1000, 128, 2000, 300  # _DATA in MiB
READ_AT, FILES_AT = 320 << 20, 448 << 20  # bytes: RANDOM_READS and SMALL_FILES in tests/guest/linux/functions
_SCRIPT = f"""\
random_reads vda {_READS}
fsync_writes vda {_FSYNCS}
sequential_write vda {_DATA}
small_files vda {_FILES}
timed discard blkdiscard -o $((SEQUENTIAL_WRITE << 20)) -l $(({_DATA} << 20)) /dev/vda
"""
_OURS = {"cache": "unsafe", "discard": "unmap"}
OURS, AGAIN, STOCK = "ours", "ours, again", "HTCondor's"  # two measurements of the same show the random variation
RETURNED = "ours, of a disk that comes back"
# A disk of virtio's has as many queues as the guest has processors, without being told
VARIANTS = {
    OURS: Options(_OURS),
    AGAIN: Options(_OURS),
    STOCK: Options(),
    RETURNED: Options({**_OURS, "cache": "writeback"}),
    "cache=none, io=native": Options({**_OURS, "cache": "none", "io": "native"}),
    "ours with io_uring": Options({**_OURS, "io": "io_uring"}),
    "ours with an iothread": Options(_OURS, iothread=True),
    "ours with clusters of 2 MiB": Options(_OURS, overlay="cluster_size=2M"),
    "ours with extended L2": Options(_OURS, overlay="extended_l2=on,cluster_size=128k"),
}
# The same writes, by QEMU without a guest
_BENCH = ["-w", "-c", str(_FSYNCS), "-d", "1", "-s", "4096", "--flush-interval", "1"]
BLOCK_LAYER = {
    OURS: [*_BENCH, "-t", "unsafe"],
    AGAIN: [*_BENCH, "-t", "unsafe"],
    STOCK: [*_BENCH, "-t", "writeback"],
    "cache=none": [*_BENCH, "-t", "none"],
    "cache=none, io=native": [*_BENCH, "-t", "none", "-i", "native"],
}
_FAST = [Goal("a third of HTCondor's", 1 / 3, STOCK)]
_NOT_SLOWER = [Goal("at most 1.1 times HTCondor's", 1.1, STOCK)]

GUEST = Guest("io.qcow2", linux_guest.BEGINS, linux_guest.ENDS, 512, linux_guest.runs_on_kvm())
FSYNCS = f"{_FSYNCS} writes of 4 KiB, each followed by fsync"
READS = f"{_READS} random reads of 4 KiB from the base image"


def measure(scene: Scene) -> list[Result]:
    """Return the results. Leaves an image on the share."""
    return _measure(scene.worker, scene.share, ROUNDS)


def _measure(worker: Node, share: Path, rounds: int) -> list[Result]:
    write_image(share / GUEST.image)
    runner = Runner(worker)
    progress("writes by QEMU without a guest")
    bench: dict[str, list[float]] = {name: [] for name in BLOCK_LAYER}
    for _ in range(BENCH_ROUNDS):
        for name, options in BLOCK_LAYER.items():
            bench[name].append(runner.bench(GUEST.image, options))
    found = runner.samples(GUEST, VARIANTS, rounds)
    return [
        Result(SECTION, f"{FSYNCS}; no guest (qemu-img bench)", "s", bench, _FAST),
        _result(FSYNCS, "s", found, "fsync_writes", _FAST),
        _result(f"{_DATA} MiB written, then fsync", "s", found, "sequential_write", _NOT_SLOWER),
        _result(READS, "s", found, "random_reads", _NOT_SLOWER),
        _result(f"{_FILES} files of 4 KiB written to ext4, then sync", "s", found, "small_files", _NOT_SLOWER),
        _result(f"{_DATA} MiB discarded", "s", found, "discard", []),
        _result(f"from the guest's last line until QEMU has ended, at most {LEAVES} s", "s", found, "leaves", []),
        _result("size of the overlay after all of these", "bytes", found, "size", []),
    ]


def write_image(path: Path) -> None:
    """Make the base image: what the guest boots from, 128 MiB of random data, and an empty ext4 file system."""
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        raw = Path(scratch) / "raw"
        linux_guest.write_image(raw, "raw", _SCRIPT)
        with raw.open("r+b") as file:
            file.seek(READ_AT)
            for _ in range(READ_AT, FILES_AT, 1 << 20):
                file.write(os.urandom(1 << 20))
        size = (linux_guest.SIZE - FILES_AT) >> 10
        run(["mke2fs", "-q", "-F", "-t", "ext4", "-E", f"offset={FILES_AT}", raw, f"{size}k"])
        run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, path])
    path.chmod(0o644)


def _result(case: str, unit: str, samples: dict[str, list[Sample]], key: str, goals: list[Goal]) -> Result:
    values = {name: [sample[key] for sample in found] for name, found in samples.items()}
    return Result(SECTION, case, unit, values, goals)
