"""Whole jobs: the time until guests run, and that for the output, with overlays and with HTCondor's file transfer."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field

from testnode.run import progress

from . import job_pool
from .job_pool import OVERLAY, TRANSFER, JobPool
from .job_signs import Job, Watch
from .results import Result
from .scene import Scene

SECTION = "Whole jobs, with an image of 4 GiB"
_START, _END = 900, 300  # seconds; HTCondor transfers only two such images at once, the others wait


@dataclass(frozen=True)
class Step:
    """Jobs that are submitted at once."""

    count: int
    variant: str
    to_the_end: bool = False  # if not, they are removed when their guests have powered off


# One job at a time: at least twice, up to this many times within a time limit
ROUNDS = 10
_TIME = 240  # seconds
_PAIR = [Step(1, OVERLAY), Step(1, TRANSFER)]
# Here the definition of the machine is HTCondor's, also with an overlay, so for more than a minute after its guest's
# power-off a job only waits for HTCondor to notice (guest_ends.py has what the filter saves). The next ones start in
# that time, but no image is transferred while another one is transferred back. Transferring back eight would take
# longer than everything else, and a disk of more than 30 GiB. Between 1 and 8 at once, all times have been in between.
STEPS = [
    Step(1, OVERLAY, to_the_end=True),
    Step(1, TRANSFER, to_the_end=True),
    Step(8, OVERLAY),
    Step(8, TRANSFER),
    *_PAIR,
]

Samples = dict[str, list[float]]  # by variant


@dataclass(frozen=True)
class _Found:
    """Samples of a number of jobs at once: those of each job, from the first to the last of a step."""

    starts: Samples = field(default_factory=lambda: defaultdict(list))
    staged: Samples = field(default_factory=lambda: defaultdict(list))
    returns: Samples = field(default_factory=lambda: defaultdict(list))
    returned: Samples = field(default_factory=lambda: defaultdict(list))


def measure(scene: Scene) -> list[Result]:
    """Return the results. Leaves an image on the share."""
    with job_pool.prepared(scene) as pool, Watch() as watch:
        found = _Run(pool, watch).found()
    return [result for count, samples in found.items() for result in _results(count, samples)]


class _Run:
    def __init__(self, pool: JobPool, watch: Watch) -> None:
        self._pool, self._watch = pool, watch
        self._found: dict[int, _Found] = {step.count: _Found() for step in STEPS}
        self._ending: list[tuple[Step, list[Job]]] = []

    def found(self) -> dict[int, _Found]:
        """Run all steps. Returns the samples by the number of jobs at once."""
        deadline = time.monotonic() + _TIME
        for step in STEPS:
            self._take(step)
        while self._another_pair(deadline):
            for step in _PAIR:
                self._take(step)
        self._end(OVERLAY)
        return self._found

    def _another_pair(self, deadline: float) -> bool:
        starts = self._found[1].starts
        expected = starts[OVERLAY][-1] + starts[TRANSFER][-1]
        return len(starts[OVERLAY]) < ROUNDS and time.monotonic() + expected < deadline

    def _take(self, step: Step) -> None:
        if step.variant == TRANSFER:
            self._end(TRANSFER)
        progress(f"whole jobs: {step.count} at once, by {step.variant}")
        self._start(step)

    def _start(self, step: Step) -> None:
        """Run jobs until their guests have powered off."""
        jobs = self._pool.submit(step.variant, step.count)
        by_sign = {job.powers_off: job for job in jobs}
        self._watch.add([sign for job in jobs for sign in (job.speaks, job.powers_off)])
        if step.to_the_end:
            self._watch.add([sign for job in jobs for sign in (job.noticed, job.completed)])
        found, seen = self._found[step.count], self._watch.seen
        for sign in self._watch.each([*by_sign], _START):
            found.staged[step.variant].append(self._pool.in_scratch_directory(by_sign[sign]))
            if not step.to_the_end:  # immediately: eight copies would not fit on every disk
                self._pool.remove(by_sign[sign])
        found.starts[step.variant] += sorted(seen[job.speaks] - job.submitted for job in jobs)
        if step.to_the_end:
            self._ending.append((step, jobs))

    def _end(self, *variants: str) -> None:
        """Wait for the jobs that run to the end."""
        ending = [(step, jobs) for step, jobs in self._ending if step.variant in variants]
        for step, jobs in ending:
            progress(f"whole jobs: the end of {step.count} by {step.variant}")
            for _ in self._watch.each([job.completed for job in jobs], _END):
                pass
            found, seen = self._found[step.count], self._watch.seen
            found.returns[step.variant] += sorted(seen[job.completed] - seen[job.noticed] for job in jobs)
            found.returned[step.variant] += [self._pool.came_back(job) for job in jobs]
            self._ending.remove((step, jobs))


def _results(count: int, found: _Found) -> list[Result]:
    """Return the results; the transfer back only if both variants run to the end."""
    jobs, times = ("1 job", "at least twice") if count == 1 else (f"{count} jobs at once", "once")
    measured = [
        (times, "from condor_submit to the guest's first byte on its console", "s", found.starts),
    ]
    if found.returns:
        measured += [
            ("once", "from HTCondor's notice of the guest's power-off to the job's completion", "s", found.returns),
            (times, "written to the scratch directory until the guest's power-off", "bytes", found.staged),
            ("once", "written to the submitter's disk", "bytes", found.returned),
        ]
    return [
        Result(SECTION, f"{jobs}, {often}: {what}", unit, _ours_first(samples))
        for often, what, unit, samples in measured
    ]


def _ours_first(samples: Samples) -> Samples:
    return {variant: samples[variant] for variant in (OVERLAY, TRANSFER) if variant in samples}
