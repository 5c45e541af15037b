"""What is made of a benchmark's record: the table with its verdicts, a share's load on paper, the speed page."""

from __future__ import annotations

import pytest

from benchmark import boot_storm, scale, share, speed_page, table, variants
from benchmark.record import Record
from benchmark.results import Goal, Result

pytestmark = pytest.mark.needs_repository

SECTION = "A section"
SLOW = Result(
    SECTION,
    "slow",
    "s",
    {"ours": [0.03, 0.02, 0.04], "theirs": [0.01, 0.01, 0.01]},
    [Goal("at most 1.5 times theirs", 1.5, "theirs"), Goal("at most 1 s", 1)],
)
COUNTED = Result(SECTION, "counted", "calls", {"ours": [12.5], "theirs": [0.0], "others": [5.0]})
SHARE = [
    Result(
        share.SECTION, f"{share.case(1)}, {share.CALLS}", "calls", {variants.PLUGIN: [8.0], variants.QEMU_IMG: [2.0]}
    ),
    Result(
        share.SECTION,
        f"{share.case(1)}, {share.READ}",
        "bytes",
        {variants.PLUGIN: [25_000.0], variants.QEMU_IMG: [100_000.0]},
    ),
]


def test_line_has_median_ratio_spread_and_verdict() -> None:
    lines = [" ".join(line.split()) for line in table.section([SLOW]).splitlines()]
    assert lines[0] == "A section"
    assert lines[2:] == [
        "slow",
        "ours 30 ms 25 to 35 ms met: at most 1 s",
        "theirs 10 ms 10 to 10 ms 3 2.50 to 3.50 NOT met: at most 1.5 times theirs",
    ]


def test_single_sample_has_no_spread_and_nothing_no_ratio() -> None:
    lines = [line.split() for line in table.section([COUNTED]).splitlines()[3:]]
    assert lines == [["ours", "12.5"], ["theirs", "0"], ["others", "5", "2.50"]]


def test_verdict_names_each_goal_that_is_not_met() -> None:
    assert table.verdict([SLOW, COUNTED]).splitlines() == [
        "1 of 2 goals are met.",
        "  NOT met: A section; slow: at most 1.5 times theirs",
    ]


def test_share_on_paper_takes_the_longer_of_requests_and_bytes() -> None:
    ways: dict[str, dict[str, list[int] | int]] = {
        boot_storm.KEPT: {"in turn": [100, 0]},
        boot_storm.NOT_KEPT: {"in turn": [100, 100]},
    }
    figures = boot_storm.Figures("", 100, ways)
    rows = {(row.nodes, row.how): row for row in scale.rows(Record({}, SHARE), figures)}
    guests = 10_000 * scale.GUESTS
    for how, boots in (("overlay, kept", 10_000), ("overlay, not kept", guests)):
        row = rows[10_000, how]
        assert row.requests == guests * 10 + boots * scale.BOOT_REQUESTS
        assert row.bytes == guests * 125_000 + boots * scale.BOOT
        assert row.seconds == max(row.requests / 50_000, row.bytes / 1.25e9), "at 10 Gbit/s"
    copies = rows[10_000, "copy"]
    assert copies.bytes == guests * 4 * 2**30
    assert copies.seconds == copies.bytes / 1.25e9


def test_block_of_the_speed_page_is_replaced_and_nothing_else() -> None:
    before = f"# Title\n{speed_page.BEGIN}\nold\n{speed_page.END}\nmore\n"
    after = speed_page.replaced(before, "new\nlines")
    assert after == f"# Title\n{speed_page.BEGIN}\nnew\nlines\n{speed_page.END}\nmore\n"
    assert speed_page.quoted(after) == "new\nlines"


@pytest.mark.parametrize(
    "text", ["", f"{speed_page.BEGIN}\n", f"{speed_page.END}\n{speed_page.BEGIN}\n", f"{speed_page.BEGIN}\n" * 2]
)
def test_speed_page_without_its_markers_is_told_which_lines_it_needs(text: str) -> None:
    with pytest.raises(ValueError, match=r"^docs/speed\.md needs these two lines"):
        speed_page.quoted(text)
