"""The load of the share from one staging: system calls and bytes read, and requests at a FUSE share."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from testnode import recipe
from testnode.node import Node
from testnode.run import progress

from . import images, strace, timing, variants
from .results import Goal, Result
from .scene import SCRATCH, SHARE, Scene
from .strace import Load
from .timing import Variant

SECTION = "What the share sees (for each file of the chain)"
LENGTHS = (1, 2, 4)
FEW_CALLS = Goal("at most 12 calls", 12)
FEW_BYTES = Goal("at most 64 KiB", 64 << 10)
CALLS, READ = "system calls", "bytes read"
REQUESTS, SENT = "requests to a FUSE share", "bytes read from a FUSE share"
_ON_FUSE = ("qcow2 image", f"chain of {LENGTHS[-1]}")
_TRACES = f"{SCRATCH}/traces"
_COUNTS = f"{SCRATCH}/counts"
_COUNTING_SHARE = Path(__file__).parent / "files/counting_share.py"


def measure(scene: Scene) -> list[Result]:
    """Return the results. Everything runs once: counts are the same each time. Leaves the chains on the share."""
    raw = scene.share / "short.raw"
    images.write(raw, 1 << 30, 64 << 20)
    cases = {"raw image": [raw.name]}
    for length in LENGTHS:
        images.write_chain(scene.share, length)
        cases[case(length)] = images.chain(length)
    results = []
    for shown, files in cases.items():
        progress(f"what the share sees: {shown}")
        beside = {
            variants.PLUGIN: variants.plugin(files[0]),
            variants.QEMU_IMG: variants.qemu_img(files[0]),
            variants.COPY: variants.copy(*files),
        }
        traced = {name: _traced(scene.worker, variant) for name, variant in beside.items()}
        results += _results(shown, len(files), CALLS, READ, traced, [FEW_CALLS], [FEW_BYTES])
        if shown not in _ON_FUSE:
            continue
        counted = {name: _counted(scene.worker, variant) for name, variant in beside.items()}
        results += _results(shown, len(files), REQUESTS, SENT, counted, [], [])
    return results


def case(length: int) -> str:
    """Return the name of a case of qcow2 images."""
    return "qcow2 image" if length == 1 else f"chain of {length}"


def _results(
    shown: str,
    files: int,
    calls: str,
    read: str,
    loads: Mapping[str, Load],
    call_goals: list[Goal],
    byte_goals: list[Goal],
) -> list[Result]:
    number = {name: [load.calls / files] for name, load in loads.items()}
    amount = {name: [load.read / files] for name, load in loads.items()}
    return [
        Result(SECTION, f"{shown}, {calls}", "calls", number, call_goals),
        Result(SECTION, f"{shown}, {read}", "bytes", amount, byte_goals),
    ]


def _traced(worker: Node, variant: Variant) -> Load:
    directory = worker.root / _TRACES.lstrip("/")
    worker.run(["install", "--directory", f"--owner={recipe.USER}", _TRACES])
    try:
        commands = [[*strace.COMMAND, f"--output={_TRACES}/trace", *command] for command in variant.commands]
        timing.measure(worker, {"traced": Variant(commands, variant.files)}, 1)
        lines = [line for path in directory.iterdir() for line in path.read_text(encoding="utf-8").splitlines()]
    finally:
        shutil.rmtree(directory)
    return strace.load(lines, SHARE)


def _counted(worker: Node, variant: Variant) -> Load:
    with _counting_share(worker) as counts:
        timing.measure(worker, {"counted": variant}, 1)
    worker.wait_until(counts.exists, "the share that counts has ended", 10)
    counted = json.loads(counts.read_text(encoding="utf-8"))
    counts.unlink()
    return Load(counted["requests"], counted["bytes"])


@contextlib.contextmanager
def _counting_share(worker: Node) -> Iterator[Path]:
    """Mount a share that counts requests over the other one. Yields the file to which it writes them in the end."""
    program = worker.root / SCRATCH.lstrip("/") / _COUNTING_SHARE.name
    shutil.copy(_COUNTING_SHARE, program)
    run = ["systemd-run", "--quiet", "--collect", "python3"]
    worker.run([*run, f"{SCRATCH}/{program.name}", SHARE, _COUNTS])
    mounts = ["grep", "--quiet", f" {SHARE} fuse ", "/proc/mounts"]
    worker.wait_until(lambda: worker.run(mounts, check=False).returncode == 0, "the share that counts is mounted", 10)
    try:
        yield worker.root / _COUNTS.lstrip("/")
    finally:
        worker.run(["umount", SHARE])
