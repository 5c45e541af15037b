"""Try the patches of docs/upstream on a node: from a guest's start and power-off to its job's end, removal, a crash.

python -m benchmark.upstream DIRECTORY: it has the programs that docs/upstream/build has made.
"""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from testnode import node, pool, signals, site, stages
from testnode.node import Node
from testnode.recipe import Release
from testnode.run import TestNodeError

from . import configured, timed_jobs
from .job_signs import Job, Watch
from .scene import here

_PROGRAMS = ("condor_starter", "condor_vm-gahp")
_SETTINGS = """\
VM_STATUS_INTERVAL = 60
# 14 guests at once; a removed job's slot is free at once
VM_MAX_NUMBER = 16
"""
_STOCK, _OURS = "/usr/sbin/condor_vm-gahp", "/usr/libexec/condor-kvm-stage/condor-kvm-stage-gahp"
_SECONDS = (1, 10, 60)  # after which guests power off
_LONG = 3000  # of guests that do not end by themselves
_ROUNDS, _AT_ONCE = 2, 8
_STARTED, _ENDED = 120, 400  # timeouts in seconds


@dataclass(frozen=True)
class Variant:
    """What runs a job."""

    programs: str  # the directory of the starter and the vm-gahp below the given one, "" for the package's
    gahp: str  # VM_GAHP_SERVER


VARIANTS = {
    "stock": Variant("", _STOCK),
    "stock, our filter": Variant("", _OURS),
    "patch 1": Variant("1", _STOCK),
    "patches 1 and 2": Variant("2", _STOCK),
    "all patches": Variant("3", _STOCK),
    "all patches, our filter": Variant("3", _OURS),
}


def main(arguments: list[str]) -> int:
    """Try all variants, or those that are named after the directory. Returns the exit status."""
    signals.exit_on_request(1)
    built, names = Path(arguments[0]), arguments[1:] or list(VARIANTS)
    with node.running(Release.TRIXIE) as worker, Watch() as watch:
        _prepare(worker)
        with configured.htcondor(worker, _SETTINGS):
            for number, name in enumerate(names):
                _choose(worker, built, VARIANTS[name])
                try:
                    _try(worker, watch, name, str(number))
                except TestNodeError as error:
                    print(f"{name}: {error}", flush=True)
    return 0


def _try(worker: Node, watch: Watch, name: str, place: str) -> None:
    for seconds in _SECONDS:
        some = []
        for nth in range(_ROUNDS):
            some.append(_submit(worker, watch, f"{place}-{seconds}-{nth}", seconds))
            time.sleep(3)
        _print(worker, watch, f"{name}: guest of {seconds} s", some)
    some = [_submit(worker, watch, f"{place}-at-once-{nth}", 10) for nth in range(_AT_ONCE)]
    _print(worker, watch, f"{name}: {_AT_ONCE} guests of 10 s at once", some)
    _remove(worker, watch, name, f"{place}-removed")
    _crash(worker, watch, name, f"{place}-crashed")
    print(f"{name}: HasVM = {pool.slot_ad(worker).get('HasVM')}", flush=True)


def _print(worker: Node, watch: Watch, what: str, some: list[Job]) -> None:
    for _ in watch.each([job.completed for job in some], _ENDED):
        pass
    seen = watch.seen
    starts = ", ".join(f"{seen[timed_jobs.on(worker, job)] - seen[timed_jobs.staged(job)]:.1f}" for job in some)
    ends = ", ".join(f"{seen[job.completed] - seen[timed_jobs.off(worker, job)]:.1f}" for job in some)
    results = {"Normal termination (return value 0)" in job.events for job in some}
    print(f"{what}: from its files to its start {starts} s; from its power-off to the job's end {ends} s; {results}")
    sys.stdout.flush()


def _remove(worker: Node, watch: Watch, name: str, place: str) -> None:
    """Remove a job in the first second of its guest."""
    job = _submit(worker, watch, place, _LONG)
    for _ in watch.each([timed_jobs.on(worker, job)], _STARTED):
        pass
    began = time.monotonic()
    worker.run(["condor_rm", job.name])
    worker.wait_until(lambda: timed_jobs.off(worker, job).appeared(), "the removed job's guest is gone", _ENDED)
    gone = time.monotonic()
    pattern = "condor_starter|condor_vm-gahp|condor-kvm-stage-gahp|qemu-system"
    worker.wait_until(
        lambda: not worker.run(["pgrep", "-f", pattern], check=False).stdout, "no process of the job is left", _ENDED
    )
    free = time.monotonic()
    print(f"{name}: removed at once: guest gone after {gone - began:.1f} s, all after {free - began:.1f} s", flush=True)


def _crash(worker: Node, watch: Watch, name: str, place: str) -> None:
    """Kill the vm-gahp 2 s after its guest's start."""
    job = _submit(worker, watch, place, _LONG)
    for _ in watch.each([timed_jobs.on(worker, job)], _STARTED):
        pass
    time.sleep(2)
    began = time.monotonic()
    worker.run(["pkill", "--signal", "KILL", "--exact", "condor_vm-gahp"])
    worker.wait_until(lambda: timed_jobs.off(worker, job).appeared(), "the guest without a vm-gahp is gone", _ENDED)
    gone = time.monotonic() - began
    worker.run(["condor_rm", job.name], check=False)
    lines = [line for line in job.events.splitlines() if line[:3].isdigit()]
    print(f"{name}: vm-gahp killed: guest gone after {gone:.1f} s; {'; '.join(lines)}", flush=True)
    worker.wait_until(lambda: not worker.run("virsh list --name").stdout.strip(), "no guest is left", _ENDED)


def _submit(worker: Node, watch: Watch, name: str, seconds: int) -> Job:
    """Submit a job, and watch it."""
    job = timed_jobs.submit(worker, name, seconds)
    watch.add([timed_jobs.staged(job), timed_jobs.on(worker, job), timed_jobs.off(worker, job), job.completed])
    return job


def _choose(worker: Node, built: Path, variant: Variant) -> None:
    configured.change(worker, f"{_SETTINGS}VM_GAHP_SERVER = {variant.gahp}\n")
    for program in _PROGRAMS:
        source = built / variant.programs / program if variant.programs else here(worker, f"/srv/package/{program}")
        place = here(worker, f"/usr/sbin/{program}")
        shutil.copy(source, f"{place}.new")
        Path(f"{place}.new").rename(place)


def _prepare(worker: Node) -> None:
    """Install the package, keep HTCondor's programs, and make the images."""
    stages.install(stages.make_bare(worker))
    site.watch(worker, "1d")
    here(worker, "/srv/package").mkdir()
    for program in _PROGRAMS:
        shutil.copy(here(worker, f"/usr/sbin/{program}"), here(worker, f"/srv/package/{program}"))
    timed_jobs.prepare(worker, (*_SECONDS, _LONG))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
