"""From the starter's call to the running guest: our definition of its machine compared with HTCondor's, alternating.

Both use the same image, staged by the plug-in, and the same submit file.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from testnode import guest, jobs, pool, recipe
from testnode.node import Node
from testnode.run import progress

from . import configured, start_phases
from .results import Goal, Result
from .scene import Scene, here

SECTION = "The start of a guest"
ROUNDS = 20
OURS, STOCK = "ours", "HTCondor's"
GOAL = Goal("at most as long as HTCondor's", 1, STOCK)
_CHOOSER, _CHOICE = "/srv/start-xml", "/srv/start-choice"
_IDLE = "/srv/images/idle.raw"
_SETTINGS = f"""\
LIBVIRT_XML_SCRIPT = {_CHOOSER}
{start_phases.SETTINGS}KILLING_TIMEOUT = 2
VM_KILLING_TIMEOUT = 2
"""


def measure(scene: Scene) -> list[Result]:
    """Return the result: seconds from the vm-gahp's start of the script to the event that the guest runs."""
    worker = scene.worker
    shutil.copy(Path(__file__).parent / "files/start-xml", here(worker, _CHOOSER))
    guest.write_idle(here(worker, _IDLE))
    with configured.htcondor(worker, _SETTINGS):
        return [Result(SECTION, "from the script to the guest", "s", _alternate(worker), [GOAL])]


def _alternate(worker: Node) -> dict[str, list[float]]:
    samples: dict[str, list[float]] = {OURS: [], STOCK: []}
    with start_phases.events(worker) as events:
        for number in range(ROUNDS):
            for variant in (OURS, STOCK) if number % 2 else (STOCK, OURS):
                here(worker, _CHOICE).write_text(variant, encoding="ascii")
                samples[variant].append(_start(worker, events))
            progress(f"round {number + 1} of {ROUNDS}: {samples[OURS][-1]:.3f} s, {samples[STOCK][-1]:.3f} s")
    return samples


def _start(worker: Node, events: Path) -> float:
    """Run a job until its guest runs. Returns the seconds of its start."""
    log = here(worker, "/var/log/condor/VMGahpLog")
    length = len(log.read_text(encoding="utf-8", errors="replace")) if log.exists() else 0
    text = jobs.VM_JOB.replace(jobs.BASE, _IDLE).replace("log = vm-job.log\n", "")
    cluster = pool.submit(worker, "start.sub", text)
    name = f"{recipe.USER}_{recipe.HOSTNAME}_{cluster}.0"

    worker.wait_until(lambda: start_phases.resumed_at(events, name) > 0, f"the guest {name} runs", 90)
    worker.run(["condor_rm", str(cluster)])  # which takes a minute; its guest only waits
    called = start_phases.CALLED.findall(log.read_text(encoding="utf-8", errors="replace")[length:])[-1]
    return start_phases.resumed_at(events, name) - start_phases.unix(called)
