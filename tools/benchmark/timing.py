"""Run commands on the node in turn, by the timer that is sent there (timer.py)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from testnode import recipe
from testnode.node import Node

from .scene import SCRATCH

_TIMER = Path(__file__).with_name("timer.py")
_PROGRAM, _REQUEST = f"{SCRATCH}/timer.py", f"{SCRATCH}/request.json"
JOB = f"{SCRATCH}/job"  # the scratch directory, made anew for each sample


@dataclass(frozen=True)
class Variant:
    """What is one sample: commands, run one after the other. files: name to text, there before; not timed."""

    commands: Sequence[Sequence[str]]
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """What a run took; timer.py says what each number means. peak: KiB. written: bytes."""

    seconds: float
    peak: float
    written: float


def measure(
    worker: Node, variants: Mapping[str, Variant], rounds: int, *, apart: bool = False, user: str = recipe.USER
) -> dict[str, list[Sample]]:
    """Run each variant once a round, in this order. Raises CommandError, with its output, if one fails.

    apart: for peaks of memory; then seconds are of no use. user: as whom, which is a job's user if nothing is said.
    """
    shown = {name: {"commands": variant.commands, "files": variant.files} for name, variant in variants.items()}
    request = {"scratch": JOB, "rounds": rounds, "apart": apart, "variants": shown}
    for path, text in ((_PROGRAM, _TIMER.read_text(encoding="utf-8")), (_REQUEST, json.dumps(request))):
        (worker.root / path.lstrip("/")).write_text(text, encoding="utf-8")
    command = ["python3", "-IBS", _PROGRAM, _REQUEST]
    measured = json.loads(worker.run(command, user=user, timeout=600).stdout)
    return {
        # On a tmpfs the kernel counts nothing as written to a disk: what the files take is the least, anyway.
        name: [Sample(seconds, peak, max(written, allocated)) for seconds, peak, written, allocated in samples]
        for name, samples in measured.items()
    }


def seconds(
    worker: Node, variants: Mapping[str, Variant], rounds: int, *, user: str = recipe.USER
) -> dict[str, list[float]]:
    """As measure(), only the seconds."""
    measured = measure(worker, variants, rounds, user=user)
    return {name: [sample.seconds for sample in samples] for name, samples in measured.items()}
