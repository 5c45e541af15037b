"""Format a record as a table for a terminal."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable

from . import scale, share
from .figures import amount, digits, extent
from .record import Record
from .results import Goal, Result, quartiles

LEGEND = """\
median: of the samples. ratio: ours, the first line of each case, divided by the line's own, of runs in the same round;
the median of these ratios (of whole jobs: of the first to start, the second, and so on). quartiles: half of the
samples, or of the ratios, lie between them. All but what is done to the node is done as the job's user, with images
that the kernel has in memory; a copy counts as done before it is on the disk. A time ends with the command: the
plug-in's worker process may end a moment later. Submitter, schedd and worker of whole jobs are this one machine."""
_HEADING = f"{'':36} {'median':>10} {'quartiles':>20}   {'ratio':>7} {'quartiles':>17}"


def table(record: Record) -> str:
    """Return the whole report: the machine, each section's cases, of many nodes, how many goals are met."""
    facts = [f"{name}: {value}" for name, value in record.facts.items()]
    sections = dict.fromkeys(result.section for result in record.results)
    parts = [section([r for r in record.results if r.section == name]) for name in sections]
    paper = [scale.table(record)] if share.SECTION in sections else []
    return "\n\n".join(["\n".join(facts), LEGEND, *parts, *paper, verdict(record.results)]) + "\n"


def section(results: list[Result]) -> str:
    """Return the table of one section's results."""
    lines = [results[0].section, _HEADING]
    for result in results:
        lines += [f"  {result.case}", *(_line(result, name) for name in result.samples)]
    return "\n".join(lines)


def verdict(results: Iterable[Result]) -> str:
    """Return how many goals are met, and which are not."""
    judged = [(result, goal) for result in results for goal in result.goals]
    missed = [f"  NOT met: {r.section}; {r.case}: {goal.text}" for r, goal in judged if not r.met(goal)]
    return "\n".join([f"{len(judged) - len(missed)} of {len(judged)} goals are met.", *missed])


def _line(result: Result, name: str) -> str:
    samples, ratios, ours = result.samples[name], result.ratios(name), name == result.ours
    spread = extent(*quartiles(samples), result.unit) if len(samples) > 1 else ""
    line = f"    {name:32} {amount(statistics.median(samples), result.unit):>10} {spread:>20}"
    beside = ""
    if not ours and math.isfinite(max(ratios)):
        low, high = map(digits, quartiles(ratios))
        ratio_spread = f"{low} to {high}" if len(ratios) > 1 else ""
        beside = f"{digits(statistics.median(ratios)):>7} {ratio_spread:>17}"
    goals = [goal for goal in result.goals if goal.of == ("" if ours else name)]
    return "   ".join([line, f"{beside:25}", *(_judged(result, goal) for goal in goals)]).rstrip()


def _judged(result: Result, goal: Goal) -> str:
    return f"{'met' if result.met(goal) else 'NOT met'}: {goal.text}"
