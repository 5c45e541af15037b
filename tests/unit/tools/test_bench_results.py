"""The benchmark's arithmetic: ratios of pairs, their spread, goals; and numbers as a table shows them."""

from __future__ import annotations

import math

import pytest

from benchmark.figures import amount, digits, extent
from benchmark.record import FORMAT, Record, from_json, to_json
from benchmark.results import Goal, Result, quartiles

pytestmark = pytest.mark.needs_repository

HALF = Goal("at most half of theirs", 0.5, "theirs")
RESULT = Result("A section", "a case", "s", {"ours": [1.0, 4.0, 3.0], "theirs": [2.0, 4.0, 12.0]}, [HALF])


def test_ratio_is_taken_within_each_round() -> None:
    assert RESULT.ratios("theirs") == [0.5, 1.0, 0.25]
    assert RESULT.value(HALF) == 0.5, "the median of the ratios, not the ratio of the medians"
    assert RESULT.met(HALF)
    assert not RESULT.met(Goal("less than half of theirs", 0.49, "theirs"))


def test_goal_of_no_other_variant_is_about_our_own_median() -> None:
    assert RESULT.value(Goal("at most 3", 3)) == 3.0


def test_ratio_to_a_count_of_nothing_is_infinite() -> None:
    assert Result("", "", "bytes", {"ours": [7.0], "theirs": [0.0]}).ratios("theirs") == [math.inf]


def test_half_of_the_samples_lie_between_the_quartiles() -> None:
    assert quartiles([5.0, 1.0, 3.0, 2.0, 4.0]) == (2.0, 4.0)
    assert quartiles([7.0]) == (7.0, 7.0)


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.01234, "s", "12.3 ms"),
        (1.5, "s", "1.50 s"),
        (2.34e-5, "s", "23.4 µs"),
        (34_360.0, "s", "9.54 h"),
        (65536.0, "bytes", "64 KiB"),
        (0.0, "bytes", "0 B"),
        (1099511627776.0, "bytes", "1 TiB"),
        (10957.0, "KiB", "10.7 MiB"),
        (23.25, "calls", "23.2"),
    ],
)
def test_amount_has_three_digits_and_a_unit_that_fits(value: float, unit: str, shown: str) -> None:
    assert amount(value, unit) == shown


def test_both_ends_of_an_extent_have_the_unit_of_the_higher() -> None:
    assert extent(0.9, 1.25, "s") == "0.900 to 1.25 s"


def test_small_ratio_has_its_digits() -> None:
    assert [digits(value) for value in (0.00001234, 0.03519, 0.4, 1.0, 2.94, 123.4, 400.0)] == [
        *("0.0000123", "0.0352", "0.400", "1", "2.94", "123", "400")
    ]


def test_fewer_digits_can_be_asked_for() -> None:
    assert [digits(value, 2) for value in (0.0918, 1.99, 123.4)] == ["0.092", "2.0", "123"]


def test_record_survives_its_json() -> None:
    record = Record({"processor": "of some kind"}, [RESULT, Result("A section", "another", "bytes", {"ours": [1.5]})])
    assert from_json(to_json(record)) == record


def test_json_of_another_format_is_refused() -> None:
    text = to_json(Record({}, [])).replace(f'"format": {FORMAT}', f'"format": {FORMAT + 1}')
    with pytest.raises(ValueError, match="format"):
        from_json(text)


def test_case_is_found_by_its_section_and_name() -> None:
    record = Record({}, [RESULT])
    assert record.find("A section", "a case") is RESULT
    with pytest.raises(ValueError, match="values to unpack"):
        record.find("A section", "no case")
