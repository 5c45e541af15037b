"""Jobs whose guests power off by themselves after some time, and the signs of that."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from testnode import guest, jobs, pool, recipe
from testnode.node import Node

from .job_signs import Job, Sign
from .scene import here

_SUBMITTED = "/srv/timed"
_TICKS = 18.2  # of the BIOS clock, a second


def prepare(worker: Node, lengths: Iterable[int]) -> None:
    """Make an image for each of these lengths of a guest, in seconds, on the share."""
    for seconds in lengths:
        guest.write_waiting(here(worker, _image(seconds)), round(seconds * _TICKS))
    worker.run(["install", "--directory", f"--owner={recipe.USER}", _SUBMITTED])


def submit(worker: Node, name: str, seconds: int, more: str = "") -> Job:
    """Submit a job from a directory of its own, `name`. seconds: one of prepare()'s. more: lines of its submit file."""
    directory = f"{_SUBMITTED}/{name}"
    worker.run(["mkdir", directory], user=recipe.USER)
    text = jobs.VM_JOB.replace(jobs.BASE, _image(seconds)).replace(jobs.VM_JOB_LOG, "job.log")
    lines = f"initialdir = {directory}\nrequest_disk = 64M\n{more}"
    submitted = time.monotonic()
    job = f"{pool.submit(worker, 'timed.sub', text.replace('queue', lines + 'queue'))}.0"
    return Job(job, submitted, here(worker, directory), here(worker, f"{directory}/console.log"))


def staged(job: Job) -> Sign:
    """Its input files are there: now the starter starts the vm-gahp, and that the guest."""
    return Sign(job.directory / "job.log", "Finished transferring input files")


def on(worker: Node, job: Job) -> Sign:
    """Its guest starts: libvirt's log of it begins."""
    return Sign(_log(worker, job), "")


def off(worker: Node, job: Job) -> Sign:
    """Its guest has ended: the last line of that log."""
    return Sign(_log(worker, job), ": shutting down, reason=")


def _log(worker: Node, job: Job) -> Path:
    return here(worker, f"/var/log/libvirt/qemu/{recipe.USER}_{recipe.HOSTNAME}_{job.name}.log")


def _image(seconds: int) -> str:
    return f"/srv/images/{seconds}-s.qcow2"
