"""From a guest's power-off to its job's completion: with our filter around the vm-gahp, and without, side by side.

Both use the same image and submit file, except for how long their guests run. HTCondor's own vm-gahp is polled, so what
it takes depends on when the guest ends within the interval of the polls: the guests' ends are spread over it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from testnode.run import progress

from . import configured, timed_jobs
from .job_signs import Watch
from .results import Goal, Result
from .scene import Scene, here

SECTION = "The end of a job"
CASE = "from the guest's power-off to the job's end"
OURS, STOCK = "ours", "HTCondor's"
GOALS = [Goal("at most 5 s", 5)]
_INTERVAL = 60  # seconds between HTCondor's polls, its default
_LENGTHS = range(45, 45 + _INTERVAL, 15)  # seconds that guests run; for the first 30 s the starter sleeps
_CHOOSER = "/srv/end-gahp"
_SETTINGS = f"""\
VM_GAHP_SERVER = {_CHOOSER}
VM_STATUS_INTERVAL = {_INTERVAL}
"""
_ENDED = 420  # timeout in seconds


def measure(scene: Scene) -> list[Result]:
    """Return the result. Leaves images on the share."""
    worker = scene.worker
    shutil.copy(Path(__file__).parent / "files/end-gahp", here(worker, _CHOOSER))
    timed_jobs.prepare(worker, _LENGTHS)
    samples: dict[str, list[float]] = {OURS: [], STOCK: []}
    with configured.htcondor(worker, _SETTINGS), Watch() as watch:
        progress(f"the end of a job: {2 * len(_LENGTHS)} jobs at once")
        started = [
            (variant, timed_jobs.submit(worker, f"{seconds}-{variant}", seconds, f'MY.EndsBy = "{variant}"\n'))
            for seconds in _LENGTHS
            for variant in samples
        ]
        watch.add([sign for _, job in started for sign in (timed_jobs.off(worker, job), job.completed)])
        for variant, job in started:
            for _ in watch.each([job.completed], _ENDED):
                pass
            samples[variant].append(watch.seen[job.completed] - watch.seen[timed_jobs.off(worker, job)])
    return [Result(SECTION, CASE, "s", samples, GOALS)]
