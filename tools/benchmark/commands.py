"""What an administrator waits for, and what runs every minute: beside the interpreter, Jinja, condor_config_val."""

from __future__ import annotations

from collections.abc import Mapping

from testnode.run import progress

from . import timing
from .results import Goal, Result
from .scene import Scene
from .timing import Variant

SECTION = "Commands on the node"
ROUNDS = 15
FLOORS = {
    "python3 -c pass": Variant([["/usr/bin/python3", "-IB", "-c", "pass"]]),
    "python3 -c 'import jinja2'": Variant([["/usr/bin/python3", "-IB", "-c", "import jinja2"]]),
    "condor_config_val": Variant([["condor_config_val", "-verbose", "START"]]),
}
_GENERATOR = "condor-kvm-stage-genconfig"
_HEALTH = "/usr/libexec/condor-kvm-stage/condor-kvm-stage-health"
_PYTHON_ALONE = ["python3 -c pass"]


def measure(scene: Scene) -> list[Result]:
    """Return the results: time of the generator, processor time of what looks at the node. Changes nothing."""
    worker = scene.worker

    def beside(name: str, command: list[str], floors: list[str]) -> Mapping[str, list[timing.Sample]]:
        progress(f"commands: {name}")
        variants = {name: Variant([command]), **{floor: FLOORS[floor] for floor in floors}}
        return timing.measure(worker, variants, ROUNDS, user="root")

    def seconds(option: str, goal: Goal) -> Result:
        found = beside(f"{_GENERATOR} {option}", [f"/usr/sbin/{_GENERATOR}", option], list(FLOORS))
        samples = {name: [sample.seconds for sample in some] for name, some in found.items()}
        return Result(SECTION, f"{option}: time", "s", samples, [goal])

    def processor(option: str, who: str) -> Result:
        found = beside(f"condor-kvm-stage-health {option}", [_HEALTH, option], _PYTHON_ALONE)
        samples = {name: [sample.processor for sample in some] for name, some in found.items()}
        return Result(
            SECTION,
            f"{option}, which {who} runs every minute: processor time",
            "s",
            samples,
            [Goal("at most 100 ms", 0.1)],
        )

    return [
        seconds("--stdout", Goal("at most 100 ms", 0.1)),
        seconds("--check", Goal("at most 3 s", 3)),
        processor("--publish", "the startd"),
        processor("--run", "systemd"),
    ]
