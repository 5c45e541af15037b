"""What the steps of a verification have shown: a line for each as it ends, and a record like pytest's (JUnit XML)."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

PASSED, FAILED, SKIPPED = "pass", "FAIL", "skip"


@dataclass(frozen=True)
class Result:
    """How a step ended."""

    step: str  # what it shows, as a phrase
    end: str  # PASSED, FAILED or SKIPPED
    seconds: float
    detail: str  # what it found, or why it failed or was skipped

    def line(self) -> str:
        """Return the line for the terminal."""
        first, *more = self.detail.splitlines() or [""]
        text = f"{self.end}  {self.seconds:4.0f} s  {self.step}" + (f": {first}" if first else "")
        return "\n".join([text, *(f"                {line}" for line in more)])


@dataclass
class Record:
    """The results of a target, and the versions of what they were found with."""

    target: str
    versions: dict[str, str] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    started: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.timezone.utc))

    def add(self, result: Result) -> None:
        """Keep a result, and print it."""
        self.results.append(result)
        print(result.line(), flush=True)

    def count(self, end: str) -> int:
        """Return how many steps ended so."""
        return sum(result.end == end for result in self.results)

    @property
    def place(self) -> str:
        """Where it was, in words: the system and the versions."""
        return ", ".join(f"{name} {version}" for name, version in self.versions.items())

    def write(self, path: Path) -> None:
        """Write the record."""
        suite = ElementTree.Element(
            "testsuite",
            name=f"make verify-{self.target}",
            timestamp=self.started.isoformat(timespec="seconds"),
            tests=str(len(self.results)),
            failures=str(self.count(FAILED)),
            skipped=str(self.count(SKIPPED)),
            errors="0",
            time=f"{sum(result.seconds for result in self.results):.1f}",
        )
        for result in self.results:
            seconds = f"{result.seconds:.1f}"
            case = ElementTree.SubElement(
                suite, "testcase", classname=f"verify-{self.target}", name=result.step, time=seconds
            )
            properties = ElementTree.SubElement(case, "properties")
            ElementTree.SubElement(properties, "property", name="place", value=self.place)
            if result.end == PASSED:
                ElementTree.SubElement(case, "system-out").text = _printable(result.detail)
            else:
                tag = "failure" if result.end == FAILED else "skipped"
                ElementTree.SubElement(case, tag, message=_printable(result.detail))
        path.parent.mkdir(parents=True, exist_ok=True)
        root = ElementTree.Element("testsuites")
        root.append(suite)
        ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _printable(text: str) -> str:
    """Return a text without the characters that XML cannot have."""
    return "".join(each if each.isprintable() or each in "\n\t" else "?" for each in text)
