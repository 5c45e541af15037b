"""The plot in docs/pool.md shows what was recorded: docs/pool.json, from dist/pool.json of tests/e2e/pool.

After a new run: cp dist/pool.json docs/, and pytest --update-golden.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmark import record

pytestmark = pytest.mark.needs_repository

DOCS = Path(__file__).parents[3] / "docs"
JSON, PLOT = DOCS / "pool.json", DOCS / "pool.svg"


@pytest.fixture
def text(request: pytest.FixtureRequest) -> str:
    """The JSON, from which the plot is made with --update-golden."""
    text = JSON.read_text(encoding="utf-8")
    if request.config.getoption("--update-golden"):
        from benchmark import pool_plot  # with matplotlib, which no test needs

        pool_plot.draw(text, PLOT)
    return text


def test_plot_names_the_json_that_it_was_made_from_and_is_small(text: str) -> None:
    plot = PLOT.read_text(encoding="utf-8")
    assert record.checksum(text) in plot
    assert len(plot) < 60_000


def test_page_tells_of_the_jobs_that_were_recorded(text: str) -> None:
    runs = json.loads(text)["runs"]
    assert len({run["job"] for run in runs}) == 60 == sum(run["how"] == "ended" for run in runs)
    assert "Sixty jobs" in (DOCS / "pool.md").read_text(encoding="utf-8")
