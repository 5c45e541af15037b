"""Run commands on the node alternately, with the timer that is copied there (timer.py)."""

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
JOB = f"{SCRATCH}/job"  # the scratch directory, recreated for each sample


@dataclass(frozen=True)
class Variant:
    """The commands of one sample."""

    commands: Sequence[Sequence[str]]  # run one after the other
    files: Mapping[str, str] = field(default_factory=dict)  # name to text, created before, not timed


@dataclass(frozen=True)
class Sample:
    """One measurement; timer.py explains the numbers."""

    seconds: float
    peak: float  # KiB
    written: float  # bytes
    processor: float  # seconds


def measure(
    worker: Node, variants: Mapping[str, Variant], rounds: int, *, apart: bool = False, user: str = recipe.USER
) -> dict[str, list[Sample]]:
    """Run each variant once per round, in this order. Raises CommandError, with its output, if one fails.

    apart: to measure peaks of memory; seconds are not meaningful then. user: by default that of a job.
    """
    shown = {name: {"commands": variant.commands, "files": variant.files} for name, variant in variants.items()}
    request = {"scratch": JOB, "rounds": rounds, "apart": apart, "variants": shown}
    for path, text in ((_PROGRAM, _TIMER.read_text(encoding="utf-8")), (_REQUEST, json.dumps(request))):
        (worker.root / path.lstrip("/")).write_text(text, encoding="utf-8")
    command = ["python3", "-IBS", _PROGRAM, _REQUEST]
    measured = json.loads(worker.run(command, user=user, timeout=600).stdout)
    return {
        # On a tmpfs the kernel counts no writes: the size of the files is the lower bound.
        name: [
            Sample(seconds, peak, max(written, allocated), processor)
            for seconds, peak, written, allocated, processor in samples
        ]
        for name, samples in measured.items()
    }


def seconds(
    worker: Node, variants: Mapping[str, Variant], rounds: int, *, user: str = recipe.USER
) -> dict[str, list[float]]:
    """Like measure(), but only the seconds."""
    measured = measure(worker, variants, rounds, user=user)
    return {name: [sample.seconds for sample in samples] for name, samples in measured.items()}
