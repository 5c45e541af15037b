"""The results: interleaved samples of each variant of a case, and the case's goals."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Goal:
    """A goal for a result's median."""

    text: str  # for the table
    at_most: float  # the largest value that meets the goal
    of: str = ""  # the variant that ours is divided by, "" for the value itself


@dataclass(frozen=True)
class Result:
    """The result of a case."""

    section: str
    case: str
    unit: str  # "s", "bytes", "calls" or "KiB"
    samples: dict[str, list[float]]  # by variant, ours first; each list in the order of the rounds
    goals: list[Goal] = field(default_factory=list)

    @property
    def ours(self) -> str:
        """The variant that the others are compared with."""
        return next(iter(self.samples))

    def ratios(self, variant: str) -> list[float]:
        """Return ours divided by the variant's for each round: in a round, the machine is in the same state for both.

        Infinity if the variant's count is 0.
        """
        pairs = zip(self.samples[self.ours], self.samples[variant])
        return [ours / theirs if theirs else math.inf for ours, theirs in pairs]

    def value(self, goal: Goal) -> float:
        """Return the value that a goal is about: the median of the ratios, or of our samples."""
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
