"""From a guest's power-off to its job's completion: with our filter around the vm-gahp, and without, alternating.

Both use the same image and submit file. HTCondor's own vm-gahp is polled, so what it takes depends on when the guest
ends: in each round, several jobs of each kind begin some seconds apart.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from testnode import guest, jobs, pool, recipe, stages
from testnode.node import Node
from testnode.run import progress

from .job_pool import here
from .job_signs import Job, Sign, Watch
from .results import Goal, Result
from .scene import Scene

SECTION, CASE = "The end of a job", "from the guest's power-off to the job's end"
ROUNDS = 2
OURS, STOCK = "ours", "HTCondor's"
GOALS = [Goal("at most a tenth of HTCondor's", 0.1, STOCK), Goal("at most 5 s", 5)]
_CHOOSER, _CHOICE, _SUBMITTED = "/srv/end-gahp", "/srv/end-choice", "/srv/ends"
_MINUTE, _TICKS = "/srv/images/minute.qcow2", 1092
_AT_ONCE, _APART = 4, 8  # jobs, seconds
# The interval of HTCondor's polls is its default
_SETTINGS = f"""\
VM_GAHP_SERVER = {_CHOOSER}
VM_STATUS_INTERVAL = 60
"""
_STARTED, _ENDED = 120, 400  # timeouts in seconds


def measure(scene: Scene) -> list[Result]:
    """Return the result; none without KVM, and thus without VM universe.

    The node's HTCondor stays configured for this.
    """
    if not Path("/dev/kvm").exists():
        progress("NO END OF A JOB IS MEASURED: there is no /dev/kvm")
        return []
    worker = scene.worker
    _prepare(worker)
    samples: dict[str, list[float]] = {OURS: [], STOCK: []}
    with Watch() as watch:
        for number in range(ROUNDS):
            order = (OURS, STOCK) if number % 2 else (STOCK, OURS)
            started = {variant: _start(worker, watch, variant, number) for variant in order}
            for variant, some in started.items():
                for _ in watch.each([job.completed for job in some], _ENDED):
                    pass
                samples[variant] += [watch.seen[job.completed] - watch.seen[_off(worker, job)] for job in some]
            last = {variant: ", ".join(f"{one:.1f}" for one in found[-_AT_ONCE:]) for variant, found in samples.items()}
            progress(f"round {number + 1} of {ROUNDS}: {last[OURS]} s, {last[STOCK]} s")
    return [Result(SECTION, CASE, "s", samples, GOALS)]


def _start(worker: Node, watch: Watch, variant: str, number: int) -> list[Job]:
    """Start some jobs, and return them when their guests run."""
    here(worker, _CHOICE).write_text(variant, encoding="ascii")
    some = []
    for nth in range(_AT_ONCE):
        job = _submit(worker, f"{_SUBMITTED}/{number}-{variant}-{nth}")
        watch.add([_off(worker, job), job.completed])
        some.append(job)
        time.sleep(_APART)
    return some


def _submit(worker: Node, directory: str) -> Job:
    """Submit a job. Returns it when its guest runs."""
    worker.run(["mkdir", directory], user=recipe.USER)
    text = jobs.VM_JOB.replace(jobs.BASE, _MINUTE).replace(jobs.VM_JOB_LOG, "job.log")
    more = f"initialdir = {directory}\nrequest_disk = 64M\n"
    name = f"{pool.submit(worker, 'end.sub', text.replace('queue', more + 'queue'))}.0"
    job = Job(name, time.monotonic(), here(worker, directory), here(worker, f"{directory}/console.log"))
    worker.wait_until(lambda: _log(worker, job).exists(), f"the guest of {name} runs", _STARTED)
    return job


def _off(worker: Node, job: Job) -> Sign:
    return Sign(_log(worker, job), ": shutting down, reason=")


def _log(worker: Node, job: Job) -> Path:
    """Return libvirt's log of the job's guest, which begins with its start."""
    return here(worker, f"/var/log/libvirt/qemu/{recipe.USER}_{recipe.HOSTNAME}_{job.name}.log")


def _prepare(worker: Node) -> None:
    """Configure the node to choose a vm-gahp for each job. It is not undone."""
    shutil.copy(Path(__file__).parent / "files/end-gahp", here(worker, _CHOOSER))
    here(worker, _CHOICE).write_text(OURS, encoding="ascii")
    guest.write_waiting(here(worker, _MINUTE), _TICKS)
    worker.run(["install", "--directory", f"--owner={recipe.USER}", _SUBMITTED])
    here(worker, "/etc/condor/config.d/93-guest-ends.conf").write_text(_SETTINGS, encoding="utf-8")
    worker.run("systemctl restart condor")
    stages.wait_for_vm_universe(worker, True)
