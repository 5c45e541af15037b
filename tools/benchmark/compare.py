"""Compare two records: which ratios have become worse, or better, beyond the spread of their rounds.

Only ratios are compared, because the two may be of different machines.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from .figures import digits
from .record import Record
from .results import Result, quartiles


@dataclass(frozen=True)
class Change:
    """A ratio, ours divided by another variant's, in two records: medians and quartiles."""

    section: str
    case: str
    of: str  # the other variant
    before: tuple[float, float, float]  # lower quartile, median, upper quartile
    after: tuple[float, float, float]

    @property
    def is_worse(self) -> bool:
        """Whether the quartiles do not overlap, and ours takes more than before."""
        return self.after[0] > self.before[2]

    @property
    def is_better(self) -> bool:
        return self.after[2] < self.before[0]


def changes(before: Record, after: Record) -> Iterator[Change]:
    """Yield each ratio that both records have. Those of a single round have no spread and are left out."""
    old = {(result.section, result.case): result for result in before.results}
    for result in after.results:
        earlier = old.get((result.section, result.case))
        if earlier is None:
            continue
        for variant in result.samples:
            if variant != result.ours and variant in earlier.samples and earlier.ours == result.ours:
                was, now = _spread(earlier, variant), _spread(result, variant)
                if was and now:
                    yield Change(result.section, result.case, variant, was, now)


def report(before: Record, after: Record) -> str:
    """Return what has become worse and better, for a terminal, and how many ratios were compared."""
    compared = list(changes(before, after))
    lines = [f"{len(compared)} ratios are in both; beyond the spread (the quartiles do not overlap):"]
    for word, found in (
        ("slower", [change for change in compared if change.is_worse]),
        ("faster", [change for change in compared if change.is_better]),
    ):
        lines += [f"  {word}: {_line(change)}" for change in found] or [f"  {word}: none"]
    differing = [name for name in before.facts if name != "date" and before.facts[name] != after.facts.get(name)]
    if differing:
        lines.append(f"The machines, or what runs on them, differ in: {', '.join(differing)}.")
    return "\n".join(lines) + "\n"


def _spread(result: Result, variant: str) -> tuple[float, float, float] | None:
    ratios = result.ratios(variant)
    if len(ratios) < 2 or not math.isfinite(max(ratios)):
        return None
    low, high = quartiles(ratios)
    return low, statistics.median(ratios), high


def _line(change: Change) -> str:
    where = f"{change.section}; {change.case}; divided by {change.of}"
    return f"{where}: {_shown(change.before)} before, {_shown(change.after)} now"


def _shown(spread: tuple[float, float, float]) -> str:
    low, middle, high = map(digits, spread)
    return f"{middle} ({low} to {high})"
