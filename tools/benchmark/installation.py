"""The node: the time of the generator's renderer, and of scriptlets in dnf install."""

from __future__ import annotations

import json
import time

from testnode import pool, stages
from testnode.run import progress

from .results import Result
from .scene import Scene

SECTION = "Node"
OURS = "condor-kvm-stage-genconfig"
ROUNDS = 15
INSTALLATIONS = 3  # pairs: each takes 20 s
# Facts in, text out, in one process: without the interpreter, imports and probing
_RENDERER = """
import json, sys, time
sys.path.insert(0, "/usr/share/condor-kvm-stage/python")
from condor_kvm_stage.genconfig.probes import collect
from condor_kvm_stage.genconfig.snippet import render, values, wanted
from condor_kvm_stage.host import Host
facts, policy, samples = collect.collect(Host()), wanted.policy_of(Host()), []
for _ in range(int(sys.argv[1])):
    started = time.perf_counter()
    render.render(values.decide(facts, policy))
    samples.append(time.perf_counter() - started)
print(json.dumps(samples))
"""


def measure(scene: Scene) -> list[Result]:
    """Return the results. Needs the package installed and HTCondor running, and leaves both so."""
    worker = scene.worker
    pool.restart_at_once(worker)
    rendering = json.loads(worker.run(["python3", "-IB", "-c", _RENDERER, str(ROUNDS)]).stdout)
    return [Result(SECTION, "rendering, in one process", "s", {OURS: rendering}), _installation(scene.bare)]


def _installation(bare: stages.Bare) -> Result:
    """Time dnf's transaction with our scriptlets, alternating with one without them."""
    samples: dict[str, list[float]] = {"with scriptlets": [], "without, and without triggers": []}
    ours, floor = samples.values()
    for number in range(INSTALLATIONS):
        progress(f"node: dnf install without scriptlets and with them, {number + 1} of {INSTALLATIONS}")
        # in this order: without scriptlets nothing is configured, and HTCondor must offer nfs in the end
        floor.append(_install(bare, "--setopt=tsflags=noscripts"))
        ours.append(_install(bare))
        stages.wait_for_nfs(bare)
    return Result(SECTION, "dnf install condor-kvm-stage", "s", samples)


def _install(bare: stages.Bare, *options: str) -> float:
    worker = bare.node
    worker.run("dnf --assumeyes remove condor-kvm-stage", timeout=120)
    worker.wait_until(lambda: pool.transfer_methods(worker) == bare.methods, "the node is as before", 90)
    started = time.perf_counter()
    worker.run(["dnf", "--assumeyes", *options, "install", "condor-kvm-stage"], timeout=120)
    return time.perf_counter() - started
