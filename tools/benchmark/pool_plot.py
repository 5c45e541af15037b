"""Plot what jobs of a pool have done, as an SVG for the docs: their runs on each worker, and what happened to these.

usage: python3 -m benchmark.pool_plot JSON SVG, in the directory tools, with matplotlib (pip install .[bench])
JSON is what tests/e2e/pool/test_pool.py writes: dist/pool.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .plot import OURS, PALE, STYLE, THEIRS
from .record import checksum

_LANE, _GAP = 1.0, 2.2  # of a run, and between workers
_SHADE = "#fbe3d0"  # while something is wrong with a worker
_NAMES = ["ran to its end", "ended early, ran again", "on hold, released", "what happens to the worker"]

Run = dict[str, Any]


def draw(text: str, path: Path) -> None:
    """Draw a record. The file contains the checksum of the JSON. Reproducible: the same JSON gives the same bytes."""
    record = json.loads(text)
    runs, troubles = record["runs"], record["troubles"]
    start = min(one["begin"] for one in runs + troubles)
    workers = sorted({run["worker"] for run in runs})
    with matplotlib.rc_context(STYLE):
        figure, axes = pyplot.subplots(figsize=(9.6, 4.6), layout="constrained")
        bottom, ticks = 0.0, []
        for worker in reversed(workers):
            lanes = _lanes([run for run in runs if run["worker"] == worker])
            height = len(lanes) * _LANE
            for trouble in troubles:
                if trouble["worker"] == worker:
                    _draw_trouble(axes, trouble, start, bottom, height)
            for number, lane in enumerate(lanes):
                _draw_lane(axes, lane, start, bottom + number * _LANE)
            ticks.append((bottom + height / 2, worker))
            bottom += height + _GAP
        axes.set_yticks([place for place, _ in ticks], [name for _, name in ticks])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x", color=PALE, linewidth=0.5)
        axes.set_axisbelow(True)
        axes.set_xlabel("seconds")
        axes.set_title(_title(runs), loc="left", fontsize=9.5)
        held = Line2D([], [], marker="x", color=THEIRS, linestyle="none")
        handles = [Patch(color=OURS), Patch(color=THEIRS), held, Patch(color=_SHADE)]
        axes.legend(handles, _NAMES, edgecolor="none", ncols=4, loc="upper right", bbox_to_anchor=(1, 1.1))
        metadata = {"Date": None, "Creator": None, "Description": f"SHA-256 of the JSON: {checksum(text)}"}
        figure.savefig(path, format="svg", metadata=metadata)
        pyplot.close(figure)


def _lanes(runs: list[Run]) -> list[list[Run]]:
    """Return the runs of a worker in as few lanes as there were at once."""
    lanes: list[list[Run]] = []
    for run in sorted(runs, key=lambda run: float(run["begin"])):
        free = next((lane for lane in lanes if lane[-1]["end"] <= run["begin"]), None)
        if free is None:
            lanes.append(free := [])
        free.append(run)
    return lanes


def _draw_lane(axes: Any, lane: list[Run], start: float, height: float) -> None:
    for run in lane:
        if run["how"] == "held":
            axes.plot([run["begin"] - start], [height + _LANE * 0.36], "x", color=THEIRS, markersize=5)
            continue
        colour = OURS if run["how"] == "ended" else THEIRS
        axes.barh(
            height, run["end"] - run["begin"], _LANE * 0.72, run["begin"] - start, color=colour, align="edge", zorder=3
        )


def _draw_trouble(axes: Any, trouble: Run, start: float, bottom: float, height: float) -> None:
    begin, end = trouble["begin"] - start, trouble["end"] - start
    axes.barh(bottom - 0.2, end - begin, height + 0.2, begin, color=_SHADE, align="edge", zorder=1)
    axes.annotate(trouble["what"], (begin, bottom + height), (0, 2), textcoords="offset points", fontsize=8)


def _title(runs: list[Run]) -> str:
    jobs = {run["job"] for run in runs}
    return f"{len(jobs)} jobs, {sum(run['how'] != 'held' for run in runs)} runs"


if __name__ == "__main__":
    draw(Path(sys.argv[1]).read_text(encoding="utf-8"), Path(sys.argv[2]))
