"""docs/tested.md is made from pytest's records: what has failed or was skipped is said, and where each module ran."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from testnode import tested_page

pytestmark = pytest.mark.needs_repository

TESTS = """\
import pytest

def test_passes(record_property):
    record_property("place", "a node with HTCondor 25.14.1")

def test_fails():
    assert False

@pytest.mark.skip(reason="no KVM")
def test_is_skipped():
    pass

@pytest.fixture
def broken():
    raise OSError

def test_without_its_fixture(broken):
    pass

class TestInAClass:
    def test_passes(self):
        pass
"""


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A record as pytest makes it."""
    directory = tmp_path_factory.mktemp("tests")
    module = directory / "tests/e2e/test_example.py"
    module.parent.mkdir(parents=True)
    module.write_text(TESTS, encoding="utf-8")
    options = ["--rootdir=.", "--junitxml=record.xml", "--override-ini=junit_suite_name=make e2e-full"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, "tests"]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    subprocess.run(command, cwd=directory, env=alone, capture_output=True, check=False, timeout=60)
    return (directory / "record.xml").read_text(encoding="utf-8")


def test_page_says_how_the_tests_of_a_module_have_ended_where_and_by_which_command(record: str) -> None:
    page = tested_page.page([record])
    (row,) = [line for line in page.splitlines() if line.startswith("| `tests/")]
    assert row.startswith("| `tests/e2e/test_example.py`: not there any more | 2, 2 **failed**, 1 **skipped** | ")
    assert re.search(r" s \| 1 \| `make e2e-full`, 20\d\d-\d\d-\d\d \|$", row)
    assert page.endswith("\nWhere:\n\n1. a node with HTCondor 25.14.1\n")
    assert re.search(r"\n\| `make e2e-full` \| 20\S+ \| 2, 2 \*\*failed\*\*, 1 \*\*skipped\*\* \| \d+ min \|\n", page)


def test_run_that_was_interrupted_has_no_test_without_a_module(tmp_path: Path) -> None:
    (tmp_path / "test_example.py").write_text("def test_it():\n    raise KeyboardInterrupt\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir=.", "--junitxml=record.xml", "."]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    subprocess.run(command, cwd=tmp_path, env=alone, capture_output=True, check=False, timeout=60)
    record = (tmp_path / "record.xml").read_text(encoding="utf-8")
    assert "<testcase time=" in record
    assert "`.py`" not in tested_page.page([record])


def test_page_of_several_commands_has_a_row_for_each_and_the_newer_below_the_older(record: str) -> None:
    newer = record.replace("make e2e-full", "pytest tests/e2e").replace('timestamp="20', 'timestamp="21')
    page = tested_page.page([newer, record.replace("HTCondor 25.14.1", "HTCondor 23.9.6")])
    rows = [line for line in page.splitlines() if line.startswith("| `tests/")]
    assert [re.sub(r".* s \| (\d \| `.*`), (\d\d).*", r"\1 \2", row) for row in rows] == [
        "1 | `make e2e-full` 20",
        "2 | `pytest tests/e2e` 21",
    ]
    assert page.endswith("\n1. a node with HTCondor 23.9.6\n2. a node with HTCondor 25.14.1\n")


def test_page_says_what_a_module_is_about(record: str) -> None:
    page = tested_page.page([record.replace("tests.e2e.test_example", "tests.unit.tools.test_tested_page")])
    assert "`tests/unit/tools/test_tested_page.py`: docs/tested.md is made from pytest's records: " in page


@pytest.mark.parametrize("content", [None, "", "<testsuites>"], ids=["missing", "empty", "cut"])
def test_file_that_is_no_record_is_named(
    content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "record.xml"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert tested_page.main([str(path)]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert said.err.startswith(f"tested_page: {path} is no record: ")
