"""What was measured: dist/nfs.json, a row for each condition. A run of some conditions replaces their rows."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from e2e.machine.rows import Cell, Row
from testnode import builds

RECORD = builds.DIST / "nfs.json"
SLACK = 38  # seconds that an emulated machine may need; less than filer.TIMEOUT, so that late is told from at once


def read(path: Path) -> dict[str, Row]:
    """Return the rows by condition, none if there is no file."""
    if not path.exists():
        return {}
    rows = json.loads(path.read_text(encoding="utf-8"))
    return {
        text: {column: [Cell(**cell) for cell in cells] for column, cells in row.items()} for text, row in rows.items()
    }


def add(path: Path, text: str, row: Row) -> None:
    """Write a condition's row."""
    rows = {**read(path), text: row}
    shown = {
        name: {column: [asdict(cell) for cell in cells] for column, cells in one.items()} for name, one in rows.items()
    }
    path.write_text(json.dumps(shown, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
