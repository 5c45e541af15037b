"""From condor_submit to the guest's first byte on its console: with our programs, and with HTCondor's alone.

Both have the same image, staged by the plug-in, and the same submit file. HTCondor's are its own definition of the
machine, no hook, no filter around its vm-gahp. All times are of one clock, this machine's kernel's.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from testnode import guest, pool, recipe
from testnode.node import Node
from testnode.run import progress

from . import configured, start_phases
from .results import Goal, Result
from .scene import Scene, here

SECTION = "From condor_submit to the guest's first byte"
ROUNDS = {1: 3, 4: 1, 8: 1}  # by the number of jobs at once
OURS, STOCK = "ours", "HTCondor's"
GOAL = Goal("at most 0.9 times HTCondor's", 0.9, STOCK)
_PLACE = "/srv/first-byte"
_CONSOLES, _IMAGE = f"{_PLACE}/consoles", "/srv/images/talks.qcow2"
# By default, up to 5 s pass at random until the schedd asks for a match
_BOTH = f"{start_phases.SETTINGS}SCHEDD_MIN_INTERVAL = 0\n"
# A starter reads its configuration when it starts
_SETTINGS = {
    OURS: _BOTH,
    STOCK: f"""\
{_BOTH}
LIBVIRT_XML_SCRIPT = {_PLACE}/console-xml
LIBVIRT_XML_SCRIPT_ARGS = {_CONSOLES}
VM_GAHP_SERVER = $(SBIN)/condor_vm-gahp
VM_GAHP_SEND_ALL_CLASSAD = True
STARTER_DEFAULT_JOB_HOOK_KEYWORD =
""",
}
_SETTLED, _SPEAKS = 3, 240  # seconds


def measure(scene: Scene) -> list[Result]:
    """Return the results."""
    worker, results = scene.worker, []
    _prepare(worker)
    phases: dict[str, dict[str, list[float]]] = {}
    with configured.htcondor(worker, _BOTH), start_phases.events(worker) as resumed:
        _run(worker, OURS, 1, resumed)  # the first one finds libvirt's daemon and the files cold
        for count, rounds in ROUNDS.items():
            samples: dict[str, list[float]] = {OURS: [], STOCK: []}
            for number in range(rounds):
                for variant in (OURS, STOCK) if number % 2 else (STOCK, OURS):
                    seconds, parts = _run(worker, variant, count, resumed)
                    samples[variant] += seconds
                    for phase, one in parts.items():
                        phases.setdefault(f"{case(count)}: {phase}", {OURS: [], STOCK: []})[variant].append(one)
                last = ", ".join(f"{variant} {max(samples[variant][-count:]):.2f} s" for variant in samples)
                progress(f"first byte, {count} at once, round {number + 1} of {rounds}: {last}")
            results.append(Result(SECTION, case(count), "s", samples, [GOAL]))
    return results + [Result(SECTION, phase, "s", found) for phase, found in phases.items()]


def case(count: int) -> str:
    """Return the name of the case of so many jobs."""
    return "1 job" if count == 1 else f"{count} jobs at once"


def _run(worker: Node, variant: str, count: int, resumed: Path) -> tuple[list[float], dict[str, float]]:
    """Run jobs until their guests speak. Returns the seconds of each, from the first to the last, and phases."""
    configured.change(worker, _SETTINGS[variant])
    execute = here(worker, worker.run(["condor_config_val", "EXECUTE"]).stdout.strip())
    os.sync()  # so that the writes of previous jobs do not slow these
    time.sleep(_SETTLED)  # so that the negotiator has heard of their slots
    began = start_phases.Beginning(worker)
    submitted = time.time()
    cluster = pool.submit(worker, "first-byte.sub", description(_IMAGE, 64, count))

    def times() -> list[float]:
        ours = variant == OURS
        return spoken(execute.glob("dir_*/scratch/console.log") if ours else here(worker, _CONSOLES).iterdir())

    worker.wait_until(lambda: len(times()) == count, f"{count} guests speak", _SPEAKS)
    seconds = sorted(when - submitted for when in times())
    if count == 1:
        phases = began.phases(submitted, cluster, execute, resumed, times()[0])
    else:
        names = [f"{recipe.USER}_{recipe.HOSTNAME}_{cluster}.{number}" for number in range(count)]
        phases = start_phases.together(worker, submitted, execute, resumed, names, max(times()))
    configured.remove_jobs(worker)
    for console in here(worker, _CONSOLES).iterdir():
        console.unlink()
    return seconds, phases


def description(image: str, mebibytes: int, count: int) -> str:
    """Return the submit file of jobs whose guests have so much memory, and an overlay that is thrown away."""
    return f"""\
universe = vm
vm_type = kvm
executable = first-byte
request_memory = {mebibytes}
request_cpus = 1
request_disk = {mebibytes}M
transfer_input_files = nfs://{image}:disk.qcow2
vm_disk = disk.qcow2:vda:w:qcow2
vm_no_output_vm = True
queue {count}
"""


def spoken(consoles: Iterable[Path]) -> list[float]:
    """Return when the guests of consoles spoke, by Unix time; only of those that did. They print one line."""
    return [status.st_mtime for status in map(Path.stat, consoles) if status.st_size]


def _prepare(worker: Node) -> None:
    guest.write_base(here(worker, _IMAGE), "qcow2", guest.SOURCE.with_name("talks.asm"))
    worker.run(["mkdir", "--parents", _CONSOLES])
    shutil.copy(Path(__file__).parent / "files/console-xml", here(worker, _PLACE))
    worker.run(["chown", "-R", f"{recipe.USER}:", _PLACE])
