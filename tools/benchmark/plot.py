"""Plot a record as an SVG for the docs. It has a background, for light and dark pages.

usage: python3 -m benchmark.plot JSON SVG, in the directory tools, with matplotlib (pip install .[bench])
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot

from . import image_size, many_disks, variants
from .figures import digits
from .highlights import highlights
from .record import Record, checksum, from_json
from .results import Result, quartiles

OURS, THEIRS, _EVEN = "#0b5394", "#b45309", "#57606a"
_INK, PALE, _PAPER = "#24292f", "#d0d7de", "#ffffff"
_ALIKE = 1.1  # smaller differences are shown as neither faster nor slower
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "condor-kvm-stage",  # otherwise element names are random
    "svg.fonttype": "none",  # text stays text: as shapes it would make the file three times as large
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],  # to measure with, to show with
    "font.size": 8.5,
    "axes.edgecolor": PALE,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "figure.facecolor": _PAPER,
    "axes.facecolor": _PAPER,
}


def draw(text: str, path: Path) -> None:
    """Draw a record. The file contains the checksum of the JSON. Reproducible: the same JSON gives the same bytes."""
    record = from_json(text)
    with matplotlib.rc_context(STYLE):
        figure, places = pyplot.subplot_mosaic(
            [["ratios", "disks"], ["ratios", "sizes"]], figsize=(9.6, 5.4), width_ratios=[1.5, 1], layout="constrained"
        )
        _draw_ratios(places["ratios"], record)
        _draw_disks(places["disks"], record)
        _draw_sizes(places["sizes"], record)
        metadata = {"Date": None, "Creator": None, "Description": f"SHA-256 of the JSON: {checksum(text)}"}
        figure.savefig(path, format="svg", metadata=metadata)
        pyplot.close(figure)


def _draw_ratios(axes: Any, record: Record) -> None:
    """Draw a line for each ratio, on a logarithmic scale: left of 1 ours is faster."""
    shown = highlights(record)[::-1]
    axes.axvline(1, color=_INK, linewidth=0.8)
    for height, one in enumerate(shown):
        colour = OURS if one.ratio < 1 / _ALIKE else THEIRS if one.ratio > _ALIKE else _EVEN
        axes.plot([one.ratio, 1], [height, height], color=colour, linewidth=1, alpha=0.35)
        axes.plot([one.low, one.high], [height, height], color=colour, linewidth=4, alpha=0.5, solid_capstyle="butt")
        axes.plot([one.ratio], [height], "o", color=colour, markersize=5)
        axes.annotate(digits(one.ratio, 2), (one.ratio, height), (0, 5), textcoords="offset points", ha="center")
    axes.set_xscale("log")
    axes.set_xticks([0.001, 0.01, 0.1, 1, 10], ["0.001", "0.01", "0.1", "1", "10"])
    axes.minorticks_off()
    axes.set_xlim(min(one.low for one in shown) / 2, max(4.0, *(one.high * 2 for one in shown)))
    axes.set_ylim(-0.6, len(shown) - 0.3)
    axes.set_yticks(range(len(shown)), [f"{one.work}\nagainst {one.other}" for one in shown])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_title("time with this package, divided by that of …", loc="left", fontsize=9.5)
    axes.set_xlabel("left of 1: this package is faster (dot: median, bar: quartiles)")


def _draw_disks(axes: Any, record: Record) -> None:
    found = [record.find(many_disks.SECTION, many_disks.case(count)) for count in many_disks.COUNTS]
    places = [float(count) for count in many_disks.COUNTS]
    _draw_curves(axes, places, found, {variants.PLUGIN: OURS, variants.SEED: THEIRS})
    _scale(axes, places, [str(count) for count in many_disks.COUNTS])
    axes.set_title("time, by disks of one job", loc="left", fontsize=9.5)


def _draw_sizes(axes: Any, record: Record) -> None:
    sizes = image_size.SIZES
    found = [record.find(image_size.SECTION, image_size.case("qcow2", size)) for size in sizes]
    places = [float(size >> 30) for size in sizes.values()]
    _draw_curves(axes, places, found, {variants.PLUGIN: OURS, variants.COPY: THEIRS})
    _scale(axes, places, [size.replace(" ", "").removesuffix("iB") for size in sizes])
    axes.set_title("time, by image size (0.1 % data)", loc="left", fontsize=9.5)


def _draw_curves(axes: Any, places: list[float], found: list[Result], colours: dict[str, str]) -> None:
    """Draw each variant's times, divided by our first one."""
    unit = statistics.median(found[0].samples[found[0].ours])
    for name, colour in colours.items():
        samples = [[sample / unit for sample in result.samples[name]] for result in found]
        low, high = zip(*map(quartiles, samples))
        axes.fill_between(places, low, high, color=colour, alpha=0.2, lw=0)
        axes.plot(places, [statistics.median(each) for each in samples], "o-", color=colour, markersize=3.5, label=name)


def _scale(axes: Any, places: list[float], names: list[str]) -> None:
    """Make both scales logarithmic, with labelled ticks."""
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(places, names)
    low, high = axes.get_ylim()
    axes.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    axes.set_ylim(low, high)
    axes.minorticks_off()
    axes.grid(axis="y", color=PALE, linewidth=0.5)
    axes.legend(edgecolor="none", framealpha=1)


if __name__ == "__main__":
    draw(Path(sys.argv[1]).read_text(encoding="utf-8"), Path(sys.argv[2]))
