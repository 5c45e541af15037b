"""Many jobs at once on one node: how time and memory grow with their number.

Jobs that stage a disk and do nothing with it, beside jobs with a small file that HTCondor's curl_plugin brings; then
guests of 16 MiB, as many as the node's configuration lets run.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator

from testnode import guest, jobs, pool, recipe, stages
from testnode.node import Node
from testnode.run import progress

from . import configured, first_byte, job_parts
from .results import Goal, Result
from .scene import Scene, here

SECTION = "Many jobs at once"
COUNTS = (1, 4, 16, 64)
ROUNDS = {1: 3, 4: 3, 16: 2, 64: 1}
STAGING, SMALL = "a disk, staged", "a small file, by curl_plugin"
GUESTS = "guests of 16 MiB"
GOAL = Goal("at most 1.2 times as long as with a small file", 1.2, SMALL)
_INPUTS = {STAGING: f"nfs://{jobs.BASE}:disk.qcow2", SMALL: "file:///etc/hostname"}
# One job for each claim: the second of two variants would otherwise find the slots of the first
_SETTINGS = f"NUM_CPUS = {COUNTS[-1]}\nCLAIM_WORKLIFE = 0\n"
_OWN = "(/condor-kvm-stage-gahp -f -M 3|/build-domain [0-9])"  # command lines: the filter, console and terminal
_IMAGE = "/srv/images/talks.qcow2"
_ENDS, _SPEAK = 300, 400  # timeouts in seconds


def measure(scene: Scene) -> list[Result]:
    """Return the results. The node has more slots while it runs."""
    worker = scene.worker
    guest.write_base(here(worker, _IMAGE), "qcow2", guest.SOURCE.with_name("talks.asm"))
    with _more_slots(worker):
        results = [_staging(worker, count) for count in COUNTS]
        fit = int(pool.slot_ad(worker)["VM_AvailNum"])
        counts = sorted({min(count, fit) for count in COUNTS})
        return results + [result for count in counts for result in _guests(worker, count)]


@contextlib.contextmanager
def _more_slots(worker: Node) -> Iterator[None]:
    """Let the number of guests follow that of the slots, until the context ends."""
    try:
        with configured.htcondor(worker, _SETTINGS):
            _apply(worker)
            yield
    finally:
        _apply(worker)


def _apply(worker: Node) -> None:
    worker.run("condor-kvm-stage-genconfig --apply", timeout=120)
    stages.wait_for_vm_universe(worker, True)


def _staging(worker: Node, count: int) -> Result:
    samples: dict[str, list[float]] = {STAGING: [], SMALL: []}
    for number in range(ROUNDS[count]):
        for variant in (STAGING, SMALL) if number % 2 else (SMALL, STAGING):
            name = f"many-{count}-{number}-{'small' if variant == SMALL else 'disk'}"
            text = jobs.staging_job(_INPUTS[variant], name, command="/bin/true")
            submitted = time.monotonic()
            pool.submit(worker, f"{name}.sub", text.replace("\nqueue", f"\nqueue {count}"))
            events = pool.wait_for_end(worker, f"{name}.log", _ENDS)
            samples[variant].append(time.monotonic() - submitted)
            assert events.count("Normal termination (return value 0)") == count, events
    last = ", ".join(f"{variant} {statistics.median(found):.1f} s" for variant, found in samples.items())
    progress(f"many jobs: {count} at once: {last}")
    return Result(
        SECTION,
        f"{first_byte.case(count)}, no guest: from condor_submit to the end of the last one",
        "s",
        samples,
        [GOAL],
    )


def _guests(worker: Node, count: int) -> list[Result]:
    execute = here(worker, worker.run(["condor_config_val", "EXECUTE"]).stdout.strip())
    submitted = time.time()
    pool.submit(worker, "many-guests.sub", first_byte.description(_IMAGE, 16, count))

    def spoken() -> list[float]:
        return first_byte.spoken(execute.glob("dir_*/scratch/console.log"))

    worker.wait_until(lambda: len(spoken()) == count, f"{count} guests speak", _SPEAK)
    last = max(spoken()) - submitted
    pids = [path.read_text(encoding="ascii") for path in here(worker, "/run/libvirt/qemu").glob(f"{recipe.USER}_*.pid")]
    memory = {
        "of QEMU": job_parts.memory(worker, list(map(int, pids))),
        "of what this package runs for them": job_parts.memory(worker, job_parts.own(worker, _OWN)),
    }
    configured.remove_jobs(worker)
    progress(f"many jobs: {count} guests in {last:.1f} s")
    case = f"{first_byte.case(count)}, once: from condor_submit to the first byte of the last guest"
    kept = f"{first_byte.case(count)}, once: memory (PSS)"
    return [
        Result(SECTION, case, "s", {GUESTS: [last]}),
        Result(SECTION, kept, "KiB", {what: [size] for what, size in memory.items()}),
    ]
