"""Two runs of the benchmark compared: what is slower beyond the spread, and nothing that is not."""

from __future__ import annotations

import pytest

from benchmark import compare, sections
from benchmark.record import Record
from benchmark.results import Result

pytestmark = pytest.mark.needs_repository

FACTS = {"date": "2026-01-01", "QEMU": "10.0"}


def record(case: str, ours: list[float], **facts: str) -> Record:
    return Record({**FACTS, **facts}, [Result("S", case, "s", {"ours": ours, "theirs": [1.0] * len(ours)})])


BEFORE = record("c", [1.0, 1.5, 2.0, 2.5, 3.0])


def test_ratio_whose_quartiles_lie_above_the_earlier_ones_is_slower() -> None:
    shown = compare.report(BEFORE, record("c", [4.0, 4.5, 5.0, 5.5, 6.0]))
    assert "  slower: S; c; divided by theirs: 2 (1.50 to 2.50) before, 5 (4.50 to 5.50) now\n" in shown
    assert "  faster: none\n" in shown


def test_ratio_whose_quartiles_lie_below_the_earlier_ones_is_faster() -> None:
    (change,) = compare.changes(BEFORE, record("c", [0.5, 0.6, 0.7, 0.8]))
    assert change.is_better
    assert not change.is_worse


def test_quartiles_that_overlap_are_no_change() -> None:
    (change,) = compare.changes(BEFORE, record("c", [1.0, 2.25, 2.5, 9.0]))
    assert not change.is_worse
    assert not change.is_better


@pytest.mark.parametrize("after", [record("another", [9.0, 9.0]), record("c", [9.0])])
def test_what_only_one_run_has_or_what_has_no_spread_is_not_compared(after: Record) -> None:
    assert list(compare.changes(BEFORE, after)) == []


def test_another_machine_is_named_and_another_day_is_not() -> None:
    after = record("c", [1.0, 1.2], date="2026-02-02", QEMU="11.1")
    assert compare.report(BEFORE, after).endswith("The machines, or what runs on them, differ in: QEMU.\n")
    assert "differ" not in compare.report(BEFORE, record("c", [1.0, 1.2], date="2026-02-02"))


def test_chosen_sections_run_in_their_order_whatever_the_order_of_the_request() -> None:
    assert list(sections.chosen(["jobs", "one-disk"])) == ["one-disk", "jobs"]
    assert set(sections.PUBLISHED) < set(sections.SECTIONS)
