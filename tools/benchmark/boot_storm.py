"""What guests that start from one image on NFS cost its server: the figures of tests/e2e/machine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

JSON = Path(__file__).parents[2] / "docs/boot-storm.json"
KEPT, NOT_KEPT = "NFS 4.2, read delegations", "NFS 3"  # ways of mounting, as they are called in the JSON


@dataclass(frozen=True)
class Figures:
    """What was measured: bytes that the server sent."""

    kernel: str
    read: int  # what each guest reads of its disk
    ways: dict[str, dict[str, list[int] | int]]  # by way of mounting, then by what the guests did

    def times(self, way: str, what: str) -> list[float]:
        """Return the bytes of a case in units of what a guest reads; [] if it was not measured."""
        found = self.ways[way].get(what, [])
        return [amount / self.read for amount in (found if isinstance(found, list) else [found])]


def published() -> Figures:
    """Return the figures that docs/boot-storm.json has."""
    return Figures(**json.loads(JSON.read_text(encoding="utf-8")))


def share_of_each(figures: Figures, way: str, guests: int) -> float:
    """Return how often the server sends what a guest reads if so many of a node start, at worst one after the other."""
    first, later = figures.times(way, "in turn")
    return first + (guests - 1) * later


def table(figures: Figures) -> str:
    """Return the table in Markdown: a row for each way of mounting."""
    rows: list[tuple[str, ...]] = [
        ("the images are mounted with …", "a guest", "the next one", "one after a new mount"),
        ("---",) * 4,
    ]
    for way in figures.ways:
        found = [*figures.times(way, "in turn"), *figures.times(way, "after a new mount")]
        rows.append((way, *(f"{round(times, 2):g}" for times in found)))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
