"""The record of a run, as JSON: facts about the machine, and all samples. The source of table, plot and speed page."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from .results import Goal, Result

FORMAT = 1


@dataclass(frozen=True)
class Record:
    """A run of the benchmark."""

    facts: dict[str, str]  # by name, as machine.facts() returns them
    results: list[Result]  # in the order in which they are shown

    def find(self, section: str, case: str) -> Result:
        """Return the one result of a case. Raises ValueError if there is none."""
        (found,) = [result for result in self.results if (result.section, result.case) == (section, case)]
        return found


def to_json(record: Record) -> str:
    """Return a record as JSON, a line for each case."""
    lines = ",\n".join("  " + json.dumps(_plain(result), ensure_ascii=False) for result in record.results)
    facts = json.dumps(record.facts, indent=2, ensure_ascii=False).replace("\n", "\n ")
    return f'{{\n "format": {FORMAT},\n "facts": {facts},\n "results": [\n{lines}\n ]\n}}\n'


def from_json(text: str) -> Record:
    """Return the record that to_json() wrote. Raises ValueError for another format."""
    document = json.loads(text)
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']}, not {FORMAT}")
    return Record(document["facts"], [_result(plain) for plain in document["results"]])


def checksum(text: str) -> str:
    """Return the SHA-256 of a record's JSON, which a plot contains to name its source."""
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(result: Result) -> dict[str, Any]:
    plain = dataclasses.asdict(result)
    # microseconds; the other units are integers, or nearly
    samples = {name: [round(sample, 6) for sample in found] for name, found in result.samples.items()}
    return {**plain, "samples": samples}


def _result(plain: dict[str, Any]) -> Result:
    return Result(**{**plain, "goals": [Goal(**goal) for goal in plain["goals"]]})
