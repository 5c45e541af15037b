"""What is published was measured: docs/speed.md, table and plot are generated from docs/benchmark.json.

After a new measurement: cp dist/benchmark.json docs/, and pytest --update-golden.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark import record, speed_page, table

pytestmark = pytest.mark.needs_repository

REPOSITORY = Path(__file__).parents[3]
DOCS = REPOSITORY / "docs"
PAGE = DOCS / "speed.md"
JSON, TABLE, PLOT = (DOCS / f"benchmark.{kind}" for kind in ("json", "txt", "svg"))


@pytest.fixture
def text(request: pytest.FixtureRequest) -> str:
    """The JSON, from which the others are generated with --update-golden."""
    text = JSON.read_text(encoding="utf-8")
    if request.config.getoption("--update-golden"):
        from benchmark import plot  # with matplotlib, which no test needs

        made = record.from_json(text)
        TABLE.write_text(table.table(made), encoding="utf-8")
        plot.draw(text, PLOT)
        page = speed_page.replaced(PAGE.read_text(encoding="utf-8"), speed_page.block(made))
        PAGE.write_text(page, encoding="utf-8")
    return text


def test_speed_page_quotes_what_was_measured(text: str) -> None:
    assert speed_page.quoted(PAGE.read_text(encoding="utf-8")) == speed_page.block(record.from_json(text))


def test_table_shows_what_was_measured(text: str) -> None:
    assert TABLE.read_text(encoding="utf-8") == table.table(record.from_json(text))


def test_plot_names_the_json_that_it_was_made_from_and_is_small(text: str) -> None:
    plot = PLOT.read_text(encoding="utf-8")
    assert record.checksum(text) in plot
    assert len(plot) < 60_000
