"""Make docs/tested.md from records (JUnit XML) of pytest and of tools/verify: what was run where, by which command.

usage: python3 -m testnode.tested_page XML… > docs/tested.md, in the directory tools
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

_REPOSITORY = Path(__file__).parents[2]
_HEAD = """\
# What was tested

By the records that the commands have left. Made from these by `make tested`; do not edit.
"""
_SYSTEMS = "make verify-"  # what the commands begin with that tools/verify records
_FAILED, _SKIPPED = ("failure", "error"), "skipped"


@dataclass
class Count:
    """How tests have ended, and what it took."""

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
        self.places |= _places(case)

    @property
    def ends(self) -> str:
        """The numbers, in words where they are not what they should be."""
        ends = {"failed": self.failed, "skipped": self.skipped}
        return f"{self.passed}" + "".join(f", {number} **{word}**" for word, number in ends.items() if number)


@dataclass(frozen=True)
class Run:
    """What one command has recorded."""

    command: str
    time: str  # when it was started, as ISO 8601 has it
    cases: tuple[ElementTree.Element, ...]

    @property
    def date(self) -> str:
        """The day."""
        return self.time[:10]

    def modules(self) -> dict[str, Count]:
        """Return how the tests of each module have ended, by its path."""
        found: dict[str, Count] = {}
        for case in self.cases:
            found.setdefault(_path(case), Count()).add(case)
        return found


def page(records: Iterable[str]) -> str:
    """Return the page for the texts of records."""
    suites = [suite for record in records for suite in ElementTree.fromstring(record).iter("testsuite")]
    runs = [Run(each.get("name", ""), each.get("timestamp", ""), tuple(_cases(each))) for each in suites]
    runs.sort(key=lambda run: run.time)
    systems = [run for run in runs if run.command.startswith(_SYSTEMS)]
    tests = [run for run in runs if run not in systems]
    return _HEAD + _of_commands(runs) + (_of_tests(tests) if tests else "") + (_of_systems(systems) if systems else "")


def _of_commands(runs: Sequence[Run]) -> str:
    """Return the section of the commands, with the sum of each."""
    text = "\n## Commands\n\n| command | date | passed | time |\n|---|---|---|---|\n"
    for run in runs:
        total = Count()
        for case in run.cases:
            total.add(case)
        text += f"| `{run.command}` | {run.date} | {total.ends} | {total.seconds / 60:.0f} min |\n"
    return text


def _of_tests(runs: Sequence[Run]) -> str:
    """Return the section of pytest's runs: a row for each module in each run, and a list of the places."""
    rows = sorted((path, run.time, run, count) for run in runs for path, count in run.modules().items())
    places = sorted({place for *_, count in rows for place in count.places})
    text = "\n## Tests\n\n*Where* is what tests say of the nodes that they are given; one that boots a node itself says"
    text += " nothing.\n\n| tests | passed | time | where | command, date |\n|---|---|---|---|---|\n"
    for path, _, run, count in rows:
        where = ", ".join(str(places.index(place) + 1) for place in sorted(count.places))
        text += f"| `{path}`: {_subject(path)} | {count.ends} | {count.seconds:.0f} s | {where} |"
        text += f" `{run.command}`, {run.date} |\n"
    listed = "".join(f"{number}. {place}\n" for number, place in enumerate(places, 1))
    return text + (f"\nWhere:\n\n{listed}" if listed else "")


def _of_systems(runs: Sequence[Run]) -> str:
    """Return the section of the systems that the package is meant for: a column for each, a row for each step."""
    latest = {run.command: run for run in runs}  # of a system that was verified twice, the last
    columns = [latest[command] for command in sorted(latest)]
    steps = dict.fromkeys(case.get("name", "") for run in columns for case in run.cases)
    text = "\n## Systems\n\n| step | " + " | ".join(f"`{run.command}`, {run.date}" for run in columns) + " |\n"
    text += "|---" * (len(columns) + 1) + "|\n"
    for step in steps:
        text += f"| {step} | " + " | ".join(_end(run, step) for run in columns) + " |\n"
    where = [f"- `{run.command}`: {'; '.join(sorted(set().union(*map(_places, run.cases))))}\n" for run in columns]
    return text + "\nWhere:\n\n" + "".join(where)


def _cases(suite: ElementTree.Element) -> Iterable[ElementTree.Element]:
    """Return the tests of a record. A run that was interrupted records that as a test without a module."""
    return (case for case in suite.iter("testcase") if case.get("classname"))


def _end(run: Run, step: str) -> str:
    """Return how a step has ended in a run, with the first line of the reason if it did not pass."""
    case = next((case for case in run.cases if case.get("name") == step), None)
    if case is None:
        return ""
    for tag, word in (("failure", "**failed**"), (_SKIPPED, "**skipped**")):
        found = case.find(tag)
        if found is not None:
            reason = found.get("message", "").split("\n")[0].replace("|", "\\|")
            return f"{word}: {reason}"
    return "passed"


def _places(case: ElementTree.Element) -> set[str]:
    return {each.get("value", "") for each in case.iter("property") if each.get("name") == "place"}


def _path(case: ElementTree.Element) -> str:
    """Return the path of a test's module. The name of a class may follow its name."""
    words = case.get("classname", "").split(".")
    while len(words) > 1 and words[-1].startswith("Test"):
        words.pop()
    return "/".join(words) + ".py"


def _subject(path: str) -> str:
    """Return the first line of a module's docstring, which says what it is about."""
    file = _REPOSITORY / path
    found = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) if file.exists() else None
    return (found or "not there any more").splitlines()[0].replace("|", "\\|")


def main(names: Sequence[str]) -> int:
    """Print the page for records, by their files' names. Returns the exit status."""
    texts = []
    for name in names:
        try:
            texts.append(Path(name).read_text(encoding="utf-8"))
            ElementTree.fromstring(texts[-1])
        except (OSError, ElementTree.ParseError) as error:
            print(f"tested_page: {name} is no record: {error}; `make e2e-full` makes one", file=sys.stderr)
            return 1
    print(page(texts), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
