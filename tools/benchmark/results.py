"""What was measured: samples of each variant of a case, taken in turn, and the goal that the case has."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Goal:
    """What is to hold of a result's median.

    text: as the table shows it. of: the variant that our one is divided by, "" for the value itself. at_most: the
    largest value that meets it.
    """

    text: str
    at_most: float
    of: str = ""


@dataclass(frozen=True)
class Result:
    """A case: samples by variant, ours first, each list in the order of the rounds. unit: s, bytes, calls or KiB."""

    section: str
    case: str
    unit: str
    samples: dict[str, list[float]]
    goals: list[Goal] = field(default_factory=list)

    @property
    def ours(self) -> str:
        """The variant that the others are compared with."""
        return next(iter(self.samples))

    def ratios(self, variant: str) -> list[float]:
        """Return ours divided by the variant's, round by round: both had the same machine at that moment.

        Infinity stands for a count that is nothing for the variant.
        """
        pairs = zip(self.samples[self.ours], self.samples[variant])
        return [ours / theirs if theirs else math.inf for ours, theirs in pairs]

    def value(self, goal: Goal) -> float:
        """Return what a goal is about: a median, of the ratios or of our samples."""
        return statistics.median(self.ratios(goal.of) if goal.of else self.samples[self.ours])

    def met(self, goal: Goal) -> bool:
        """Return whether a goal is met."""
        return self.value(goal) <= goal.at_most


def quartiles(samples: list[float]) -> tuple[float, float]:
    """Return the lower and the upper quartile: half of the samples lie between them."""
    if len(samples) == 1:
        return samples[0], samples[0]
    lower, _, upper = statistics.quantiles(samples, n=4, method="inclusive")
    return lower, upper
