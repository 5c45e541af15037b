"""Whole jobs with a Linux guest: HTCondor's definition of its machine compared with ours, alternating, on one node.

Both use the same image, staged by the plug-in, and the same submit file; only a small second disk is transferred back.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from testnode import linux_guest, pool, recipe
from testnode.node import Node
from testnode.run import progress

from . import configured
from .guest_runs import measured
from .job_signs import Job, Sign, Watch
from .results import Result
from .scene import SCRATCH, SHARE, Scene, here

SECTION = "A Linux guest in a job"
ROUNDS = 5
OURS, STOCK = "ours", "HTCondor's"
_IMAGE = "linux-job.qcow2"
_FSYNCS, _DATA = 1000, 128  # MiB
_SCRIPT = f"""\
fsync_writes vda {_FSYNCS}
sequential_write vda {_DATA}
result vdb "this is the result"
say done
"""
_EXECUTE, _CONSOLES, _SUBMITTED = f"{SCRATCH}/execute", f"{SCRATCH}/consoles", f"{SCRATCH}/linux-jobs"
_DISK = {OURS: "ours.qcow2", STOCK: "stock.qcow2"}
_DESCRIPTION = """\
universe = vm
vm_type = kvm
executable = linux-guest
request_memory = 512
request_cpus = 1
initialdir = {directory}
transfer_input_files = nfs://{share}/{image}:{disk}, results.img
vm_disk = {disk}:vda:w:qcow2, results.img:vdb:w:raw
transfer_output_files = results.img{more}
log = job.log
queue
"""
_DONE, _RETURNED = 600, 240  # timeouts in seconds: until the guest has done its work, then until the job ends


def measure(scene: Scene) -> list[Result]:
    """Return the results. Leaves an image on the share."""
    _prepare(scene)
    samples: dict[str, dict[str, list[float]]] = {}
    with configured.htcondor(scene.worker, _settings()), Watch() as watch:
        running: list[tuple[str, Job]] = []
        for number in range(ROUNDS):
            for variant in (OURS, STOCK) if number % 2 else (STOCK, OURS):
                progress(f"a job with a Linux guest, round {number + 1} of {ROUNDS}, {variant}")
                job = _submit(scene.worker, variant, number)
                watch.add([job.speaks, _userspace(job), _done(job), job.completed])
                # The next one starts when this guest only has to power off: HTCondor then waits a minute
                for _ in watch.each([_done(job)], _DONE):
                    pass
                running.append((variant, job))
        for variant, job in running:
            for _ in watch.each([job.completed], _RETURNED):
                pass
            for case, seconds in _sample(job, watch).items():
                samples.setdefault(case, {OURS: [], STOCK: []})[variant].append(seconds)
    on = "on KVM" if linux_guest.runs_on_kvm() else "its processor emulated"
    return [Result(SECTION, f"{case} ({on})", "s", found) for case, found in samples.items()]


def _sample(job: Job, watch: Watch) -> dict[str, float]:
    """Return seconds by phase."""
    seen, within = watch.seen, measured(job.console.read_text(encoding="utf-8", errors="replace"))
    return {
        f"{_FSYNCS} writes of 4 KiB, each followed by fsync": within["fsync_writes"],
        f"{_DATA} MiB written, then fsync": within["sequential_write"],
        "from the boot loader's first byte to userspace": seen[_userspace(job)] - seen[job.speaks],
        "from condor_submit to userspace": seen[_userspace(job)] - job.submitted,
        "from condor_submit to the returned result": seen[job.completed] - job.submitted,
    }


def _userspace(job: Job) -> Sign:
    return Sign(job.console, linux_guest.BEGINS)


def _done(job: Job) -> Sign:
    return Sign(job.console, "guest: done")


def _submit(worker: Node, variant: str, number: int) -> Job:
    directory = f"{_SUBMITTED}/{number}-{variant}"
    worker.run(["mkdir", directory], user=recipe.USER)
    worker.run(["truncate", "--size=1M", f"{directory}/results.img"], user=recipe.USER)
    os.sync()  # so that the writes of the previous guest do not slow this one
    more = ", console.log" if variant == OURS else ""
    text = _DESCRIPTION.format(directory=directory, share=SHARE, image=_IMAGE, disk=_DISK[variant], more=more)
    submitted = time.monotonic()
    name = f"{pool.submit(worker, 'linux-job.sub', text)}.0"
    return Job(name, submitted, here(worker, directory), here(worker, f"{_CONSOLES}/{name}"))


def _prepare(scene: Scene) -> None:
    """Create the image, and what chooses a definition for each job."""
    worker = scene.worker
    linux_guest.write_image(scene.share / _IMAGE, "qcow2", _SCRIPT)
    worker.run(["mkdir", "--parents", _EXECUTE, _CONSOLES, _SUBMITTED])
    worker.run(["chown", "condor:", _EXECUTE])
    worker.run(["chown", f"{recipe.USER}:", _SUBMITTED])
    for name in ("console-xml", "chosen-xml"):
        shutil.copy(Path(__file__).parent / "files" / name, here(worker, f"{SCRATCH}/{name}"))


def _settings() -> str:
    kind = "kvm" if linux_guest.runs_on_kvm() else "qemu"
    return f"""\
EXECUTE = {_EXECUTE}
LIBVIRT_XML_SCRIPT = {SCRATCH}/chosen-xml
LIBVIRT_XML_SCRIPT_ARGS = {_CONSOLES} {kind}
"""
