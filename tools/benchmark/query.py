"""The query `-classad`, which HTCondor sends to each of its plug-ins before each job's transfer."""

from __future__ import annotations

import statistics

from testnode.run import progress

from . import timing, variants
from .results import Goal, Result
from .scene import Scene

SECTION = "Query (-classad)"
CASE = "beside HTCondor's own plug-ins"
ROUNDS = 15


def measure(scene: Scene) -> list[Result]:
    """Return the result: our plug-in, curl_plugin (compiled), and HTCondor's plug-ins in Python."""
    progress("query")
    directory = variants.HTCONDOR_PLUGINS
    in_python = sorted(path.name for path in (scene.worker.root / directory.lstrip("/")).glob("*_plugin.py"))
    programs = {name: f"{directory}/{name}" for name in (variants.CURL, *in_python)}
    beside = {variants.PLUGIN: variants.PLUGIN_PATH, **programs}
    queries = {name: variants.query(program) for name, program in beside.items()}
    samples = timing.seconds(scene.worker, queries, ROUNDS)
    goals = [
        Goal("at most 2 times the compiled one", 2, variants.CURL),
        Goal("at most a third of the fastest in Python", 1 / 3, fastest_in_python(samples)),
    ]
    return [Result(SECTION, CASE, "s", samples, goals)]


def fastest_in_python(samples: dict[str, list[float]]) -> str:
    """Return which of HTCondor's plug-ins in Python has the smallest median."""
    in_python = [name for name in samples if name.endswith(".py")]
    return min(in_python, key=lambda name: statistics.median(samples[name]))
