"""The node for whole jobs: an image of 4 GiB, scratch directories on a disk, the guests' consoles in files."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from testnode import guest, pool, recipe
from testnode.node import Node
from testnode.run import TestNodeError, progress

from . import configured, job_signs, variants
from .job_signs import Job
from .scene import SCRATCH, SHARE, Scene, here

_IMAGE = "whole-job.raw"
_SIZE = 4 << 30
_CHUNK = 1 << 20
_BLOCK = 512  # bytes: st_blocks' unit
_EXECUTE, _CONSOLES, _SUBMITTED = f"{SCRATCH}/execute", f"{SCRATCH}/consoles", f"{SCRATCH}/submitted"
_XML_SCRIPT = f"{SCRATCH}/console-xml"
_SETTINGS = f"""\
EXECUTE = {_EXECUTE}
LIBVIRT_XML_SCRIPT = {_XML_SCRIPT}
LIBVIRT_XML_SCRIPT_ARGS = {_CONSOLES}
"""
OVERLAY = variants.PLUGIN
TRANSFER = "HTCondor's file transfer"
# transfer_input_files and vm_disk: the same image, which is on the share and, on this node, the submitter's as well
_DISKS = {
    OVERLAY: (f"nfs://{SHARE}/{_IMAGE}:disk.qcow2", "disk.qcow2:vda:w:qcow2"),
    TRANSFER: (f"{SHARE}/{_IMAGE}", f"{_IMAGE}:vda:w:raw"),
}
_DESCRIPTION = """\
universe = vm
vm_type = kvm
executable = whole-job
request_memory = 64
request_cpus = 1
transfer_input_files = {inputs}
vm_disk = {disk}
vm_no_output_vm = False
initialdir = {directory}/$(Process)
log = job.log
queue {count}
"""


class JobPool:
    """A prepared node that runs no other jobs."""

    def __init__(self, worker: Node) -> None:
        self._worker = worker
        self._submissions = itertools.count(1)
        self._removed: list[tuple[Job, Path, subprocess.Popen[bytes]]] = []

    def submit(self, variant: str, count: int) -> list[Job]:
        """Submit jobs, all at once, after removed jobs are gone completely."""
        self._worker.wait_until(self._is_tidy, "nothing is left of the jobs that were removed", 120)
        directory = f"{_SUBMITTED}/{next(self._submissions)}"
        own = [f"{directory}/{number}" for number in range(count)]
        self._worker.run(["mkdir", "--parents", *own], user=recipe.USER)
        os.sync()  # so that the writes of previous jobs do not slow these
        inputs, disk = _DISKS[variant]
        description = _DESCRIPTION.format(inputs=inputs, disk=disk, directory=directory, count=count)
        submitted = time.monotonic()
        cluster = pool.submit(self._worker, "whole-job.sub", description)
        names = [f"{cluster}.{number}" for number in range(count)]
        return [
            Job(name, submitted, self._here(place), self._here(f"{_CONSOLES}/{name}"))
            for name, place in zip(names, own)
        ]

    def in_scratch_directory(self, job: Job) -> int:
        """Return how many bytes of disk the files of a running job take there."""
        scratch = self._here(job_signs.scratch_directory(job.events))
        return sum(entry.stat().st_blocks for entry in os.scandir(scratch)) * _BLOCK

    def remove(self, job: Job) -> None:
        """Start removing a job whose guest has powered off.

        Kills its starter, which would take a minute: it sleeps for 30 s after starting a machine, and notices only
        after VM_STATUS_INTERVAL that a machine is shut down.
        """
        scratch = job_signs.scratch_directory(job.events)
        starter = Path(scratch).parent.name.partition("_")[2]
        remove = ["sh", "-c", 'condor_rm "$1" && kill -KILL "$2"', "sh", job.name, starter]
        process = subprocess.Popen(self._worker.command(remove), stdout=subprocess.DEVNULL)
        self._removed.append((job, self._here(scratch), process))

    def came_back(self, job: Job) -> int:
        """Return how many bytes of disk a completed job's disk takes at the submitter, and remove it."""
        if not job_signs.ended_well(job.events):
            raise TestNodeError(f"job {job.name} failed; its event log:\n{job.events}")
        (disk,) = (path for path in job.directory.iterdir() if path.suffix != ".log")
        size = disk.stat().st_blocks * _BLOCK
        disk.unlink()
        return size

    def _is_tidy(self) -> bool:
        """Return whether removed jobs are gone, and their slots, too, which the next job would reuse."""
        commands = "virsh list --all --name", "condor_q -all -af:j Owner", "condor_status -const DynamicSlot -af Name"
        machines, jobs, slots = (self._worker.run(command).stdout for command in commands)
        self._removed = [
            (job, scratch, process)
            for job, scratch, process in self._removed
            if process.poll() is None
            or scratch.exists()
            or f"_{job.name}\n" in machines
            or re.search(rf"^{re.escape(job.name)} ", jobs, re.MULTILINE)
        ]
        return not self._removed and slots.count("\n") == jobs.count("\n")

    def _here(self, path: str) -> Path:
        return here(self._worker, path)


@contextlib.contextmanager
def prepared(scene: Scene) -> Iterator[JobPool]:
    """Create the image, and yield the node with HTCondor set up for these jobs."""
    progress("whole jobs: making the image")
    _write_image(scene.share / _IMAGE)
    worker = scene.worker
    worker.run(["mkdir", _EXECUTE, _CONSOLES, _SUBMITTED])
    worker.run(["chown", "condor:", _EXECUTE])
    worker.run(["chown", f"{recipe.USER}:", _SUBMITTED])
    shutil.copy(Path(__file__).parent / "files/console-xml", here(worker, _XML_SCRIPT))
    progress("waiting for HTCondor")
    with configured.htcondor(worker, _SETTINGS):
        yield JobPool(worker)


def _write_image(path: Path) -> None:
    """Make an image that boots into the guest and is full of data."""
    guest.write_base(path, "raw")
    chunk = random.Random("data").randbytes(_CHUNK)
    with open(path, "r+b") as file:
        file.seek(_CHUNK)  # after the area of the guest's program, and of its writes
        for _ in range(_CHUNK, _SIZE, _CHUNK):
            file.write(chunk)
