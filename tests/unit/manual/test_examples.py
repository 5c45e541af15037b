"""Every submit file that is shown asks for memory, CPUs and disk: else condor_submit warns, or a disk becomes full."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.manual_pages import Page, all_pages, literals

REPOSITORY = Path(__file__).parents[3]
REQUESTS = {"request_memory", "request_cpus", "request_disk"}


def shown() -> Iterator[tuple[str, str]]:
    """Where each is shown, and its text."""
    for path in (REPOSITORY / "packaging").glob("*.sub"):
        yield path.name, path.read_text(encoding="utf-8")
    for name in all_pages():
        yield from ((name, block) for block in literals(Page(name).text))
    for block in re.findall(r"```\n(.*?)```", (REPOSITORY / "README.md").read_text(encoding="utf-8"), re.DOTALL):
        yield "README.md", block


EXAMPLES = [(name, text) for name, text in shown() if re.search(r"^universe *= *vm$", text, re.MULTILINE)]


def test_examples_are_found() -> None:
    assert len(EXAMPLES) >= 7


@pytest.mark.parametrize(("name", "text"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_example_asks_for_memory_cpus_and_disk(name: str, text: str) -> None:
    assert set(re.findall(r"^(\w+) *=", text, re.MULTILINE)) >= REQUESTS
