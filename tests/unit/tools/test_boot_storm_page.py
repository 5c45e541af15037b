"""docs/boot-storm.md shows what was measured: docs/boot-storm.json, from dist/boot-storm.json of tests/e2e/machine.

After a new run: cp dist/boot-storm.json docs/, and pytest --update-golden.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmark import boot_storm

pytestmark = pytest.mark.needs_repository

PAGE = Path(__file__).parents[3] / "docs/boot-storm.md"


def in_page(text: str) -> str:
    """Return the first table in the page."""
    found = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return found[0] if found else ""


def test_page_has_the_table_of_what_was_measured(request: pytest.FixtureRequest) -> None:
    table = boot_storm.table(boot_storm.published())
    page = PAGE.read_text(encoding="utf-8")
    if request.config.getoption("--update-golden"):
        page = page.replace(in_page(page), table)
        PAGE.write_text(page, encoding="utf-8")
    assert in_page(page) == table


@pytest.mark.parametrize(
    ("way", "guests", "times"), [(boot_storm.KEPT, 8, 1), (boot_storm.NOT_KEPT, 1, 1), (boot_storm.NOT_KEPT, 8, 8)]
)
def test_server_sends_an_image_once_for_the_node_or_once_for_each_guest(way: str, guests: int, times: int) -> None:
    assert boot_storm.share_of_each(boot_storm.published(), way, guests) == pytest.approx(times, rel=0.1)
