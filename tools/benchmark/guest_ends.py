"""From a guest's power-off to its job's completion: with our filter around the vm-gahp, and without, side by side.

Both use the same image and submit file, except for how long their guests run. HTCondor's own vm-gahp is polled, so what
it takes depends on when the guest ends within the interval of the polls: the guests' ends are spread over it.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from testnode import guest, jobs, pool, recipe
from testnode.node import Node
from testnode.run import progress

from . import configured
from .job_signs import Job, Sign, Watch
from .results import Goal, Result
from .scene import Scene, here

SECTION = "The end of a job"
CASE = "from the guest's power-off to the job's end"
OURS, STOCK = "ours", "HTCondor's"
GOALS = [Goal("at most 5 s", 5)]
_INTERVAL = 60  # seconds between HTCondor's polls, its default
_LENGTHS = range(45, 45 + _INTERVAL, 15)  # seconds that guests run; for the first 30 s the starter sleeps
_TICKS = 18.2  # of the BIOS clock, a second
_CHOOSER, _SUBMITTED = "/srv/end-gahp", "/srv/ends"
_SETTINGS = f"""\
VM_GAHP_SERVER = {_CHOOSER}
VM_STATUS_INTERVAL = {_INTERVAL}
"""
_ENDED = 420  # timeout in seconds


def measure(scene: Scene) -> list[Result]:
    """Return the result. Leaves images on the share."""
    worker = scene.worker
    shutil.copy(Path(__file__).parent / "files/end-gahp", here(worker, _CHOOSER))
    for seconds in _LENGTHS:
        guest.write_waiting(here(worker, _image(seconds)), round(seconds * _TICKS))
    worker.run(["install", "--directory", f"--owner={recipe.USER}", _SUBMITTED])
    samples: dict[str, list[float]] = {OURS: [], STOCK: []}
    with configured.htcondor(worker, _SETTINGS), Watch() as watch:
        progress(f"the end of a job: {2 * len(_LENGTHS)} jobs at once")
        started = [(variant, _submit(worker, variant, seconds)) for seconds in _LENGTHS for variant in samples]
        watch.add([sign for _, job in started for sign in (_off(worker, job), job.completed)])
        for variant, job in started:
            for _ in watch.each([job.completed], _ENDED):
                pass
            samples[variant].append(watch.seen[job.completed] - watch.seen[_off(worker, job)])
    return [Result(SECTION, CASE, "s", samples, GOALS)]


def _submit(worker: Node, variant: str, seconds: int) -> Job:
    directory = f"{_SUBMITTED}/{seconds}-{variant}"
    worker.run(["mkdir", directory], user=recipe.USER)
    text = jobs.VM_JOB.replace(jobs.BASE, _image(seconds)).replace(jobs.VM_JOB_LOG, "job.log")
    more = f'initialdir = {directory}\nrequest_disk = 64M\nMY.EndsBy = "{variant}"\n'
    name = f"{pool.submit(worker, 'end.sub', text.replace('queue', more + 'queue'))}.0"
    return Job(name, time.monotonic(), here(worker, directory), here(worker, f"{directory}/console.log"))


def _image(seconds: int) -> str:
    return f"/srv/images/runs-{seconds}.qcow2"


def _off(worker: Node, job: Job) -> Sign:
    """Return the last line of libvirt's log of the job's guest."""
    log = here(worker, f"/var/log/libvirt/qemu/{recipe.USER}_{recipe.HOSTNAME}_{job.name}.log")
    return Sign(log, ": shutting down, reason=")
