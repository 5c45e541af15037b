"""Make docs/tested.md from pytest's records (JUnit XML): which end-to-end tests were run where, by which command.

usage: python3 -m testnode.tested_page XML… > docs/tested.md, in the directory tools
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

_REPOSITORY = Path(__file__).parents[2]
_HEAD = """\
# What was tested

The end-to-end tests that were recorded last, by the command that ran them. Made from pytest's records by `make tested`;
do not edit. *Where* is what tests say of the nodes that they are given; one that boots a node itself says nothing.
"""
_FAILED, _SKIPPED = ("failure", "error"), "skipped"


@dataclass
class Module:
    """The tests of a module, in one run."""

    path: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    places: set[str] = field(default_factory=set)

    def add(self, case: ElementTree.Element) -> None:
        """Count a test."""
        ends = {child.tag for child in case}
        self.failed += bool(ends & set(_FAILED))
        self.skipped += _SKIPPED in ends
        self.passed += not ends & {*_FAILED, _SKIPPED}
        self.seconds += float(case.get("time", "0"))
        self.places |= {each.get("value", "") for each in case.iter("property") if each.get("name") == "place"}

    def row(self) -> str:
        """Return its row of the table."""
        ends = {"failed": self.failed, "skipped": self.skipped}
        more = "".join(f", {number} **{word}**" for word, number in ends.items() if number)
        where = "; ".join(sorted(self.places))
        return f"| `{self.path}`: {_subject(self.path)} | {self.passed}{more} | {self.seconds:.0f} s | {where} |"


def page(records: Iterable[str]) -> str:
    """Return the page for the texts of records: of each, its command, its date, and its modules."""
    text = _HEAD
    for record in records:
        for suite in ElementTree.fromstring(record).iter("testsuite"):
            modules: dict[str, Module] = {}
            for case in suite.iter("testcase"):
                path = case.get("classname", "").replace(".", "/") + ".py"
                modules.setdefault(path, Module(path)).add(case)
            text += f"\n## {suite.get('name')}, {suite.get('timestamp', '')[:10]}\n\n"
            text += "| tests | passed | time | where |\n|---|---|---|---|\n"
            text += "".join(f"{modules[path].row()}\n" for path in sorted(modules))
    return text


def _subject(path: str) -> str:
    """Return the first line of a module's docstring, which says what it is about."""
    file = _REPOSITORY / path
    found = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) if file.exists() else None
    return (found or "not there any more").splitlines()[0].replace("|", "\\|")


if __name__ == "__main__":
    print(page(Path(name).read_text(encoding="utf-8") for name in sys.argv[1:]), end="")
