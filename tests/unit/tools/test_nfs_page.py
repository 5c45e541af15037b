"""docs/nfs.md says what is tried on a real NFS server: its table is that of the end-to-end tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e.machine import conditions

pytestmark = pytest.mark.needs_repository

PAGE = Path(__file__).parents[3] / "docs/nfs.md"


def test_page_has_the_table_that_is_tested(request: pytest.FixtureRequest) -> None:
    page = PAGE.read_text(encoding="utf-8")
    if request.config.getoption("--update-golden"):
        page = page.replace(conditions.in_page(page), conditions.table())
        PAGE.write_text(page, encoding="utf-8")
    assert conditions.in_page(page) == conditions.table()
