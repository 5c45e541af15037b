"""docs/tested.md is made from pytest's records: what has failed or was skipped is said, and where each module ran."""

from __future__ import annotations

import os
import subprocess
import sys

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


def test_page_says_how_the_tests_of_a_module_have_ended_and_where(record: str) -> None:
    page = tested_page.page([record])
    assert "## make e2e-full, 20" in page
    (row,) = [line for line in page.splitlines() if line.startswith("| `tests/")]
    assert row.startswith("| `tests/e2e/test_example.py`: not there any more | 1, 2 **failed**, 1 **skipped** | ")
    assert row.endswith(" s | a node with HTCondor 25.14.1 |")


def test_page_says_what_a_module_is_about(record: str) -> None:
    page = tested_page.page([record.replace("tests.e2e.test_example", "tests.unit.tools.test_tested_page")])
    assert "`tests/unit/tools/test_tested_page.py`: docs/tested.md is made from pytest's records: " in page
