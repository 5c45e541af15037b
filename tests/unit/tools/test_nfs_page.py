"""docs/nfs.md says what was measured on a real NFS server: docs/nfs.json, from dist/nfs.json of tests/e2e/machine.

After a new run: cp dist/nfs.json docs/, and pytest --update-golden.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e.machine import conditions, filer, record, rows

pytestmark = pytest.mark.needs_repository

DOCS = Path(__file__).parents[3] / "docs"
PAGE, MEASURED = DOCS / "nfs.md", record.read(DOCS / "nfs.json")


def test_page_has_the_table_of_what_was_measured(request: pytest.FixtureRequest) -> None:
    page = PAGE.read_text(encoding="utf-8")
    table = conditions.table(MEASURED, record.SLACK)
    if request.config.getoption("--update-golden"):
        page = page.replace(conditions.in_page(page), table)
        PAGE.write_text(page, encoding="utf-8")
    assert conditions.in_page(page) == table


def test_what_was_measured_is_what_the_table_says() -> None:
    by_text = {condition.text: condition for condition in conditions.CONDITIONS}
    for text, row in MEASURED.items():
        assert list(row) == list(by_text[text].expected())
        assert by_text[text].wrong(row, record.SLACK) == []


def test_cell_that_was_not_measured_has_a_star_and_one_that_was_has_its_time() -> None:
    answers = conditions.CONDITIONS[0]
    row = {rows.STAGE: [rows.Cell("NFS 3, hard", 2, ""), rows.Cell("NFS 4.2, hard", 5, "")]}
    (line,) = [each for each in conditions.table({answers.text: row}, 19).splitlines() if "| answers |" in each]
    assert line == "| answers | done (2 to 5 s) | done * | goes on * | nothing * |"
    assert answers.wrong(row, 19) == []


def test_outcome_that_the_table_does_not_have_is_wrong() -> None:
    silent = rows.Cell("NFS 3, hard", filer.TIMEOUT + 1, "cannot stage it: the share does not answer; …", 69)
    answers, cut_off = conditions.CONDITIONS[:2]
    assert answers.wrong({rows.STAGE: [silent]}, 19) == [silent]
    assert cut_off.wrong({rows.STAGE: [silent]}, 19) == []
    early = rows.Cell("NFS 3, hard", 3, silent.says, 69)
    assert cut_off.wrong({rows.STAGE: [early]}, 19) == [early], "before the policy's timeout"
    waits = rows.Cell("NFS 3, hard", 0, "waits", after="goes on", back=8)
    assert cut_off.wrong({rows.GUEST: [waits]}, 19) == []
    assert answers.wrong({rows.GUEST: [waits]}, 19) == [waits]
    fault = rows.Cell("", 40, "/srv/nfs3 does not answer", failed="share", back=12)
    assert cut_off.wrong({rows.HEALTH: [fault]}, 19) == []
    assert answers.wrong({rows.HEALTH: [fault]}, 19) == [fault]
