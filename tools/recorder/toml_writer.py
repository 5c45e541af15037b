"""Write the TOML of a host.toml: strings, booleans, integers, lists of them, tables, and tables in lists."""

from __future__ import annotations

import json
from typing import Any


def document(record: dict[str, Any]) -> str:
    """Return a record as TOML. Values come before tables, as TOML wants it."""
    lines = [f"{name} = {value(entry)}" for name, entry in record.items() if not _is_table(entry)]
    for name, entry in record.items():
        if isinstance(entry, dict):
            lines += ["", f"[{name}]", *(f"{_key(key)} = {value(item)}" for key, item in entry.items())]
        elif _is_table(entry):
            for table in entry:
                lines += ["", f"[[{name}]]", *(f"{key} = {value(item)}" for key, item in table.items())]
    return "\n".join(lines) + "\n"


def value(entry: Any) -> str:
    """Return a value as TOML: text of several lines as such, if it can be."""
    if isinstance(entry, bool):
        return "true" if entry else "false"
    if isinstance(entry, int):
        return str(entry)
    if isinstance(entry, (list, tuple)):
        return "[" + ", ".join(value(item) for item in entry) + "]"
    if "\n" in entry and "'''" not in entry and not entry.endswith("'") and entry.replace("\n", "").isprintable():
        return f"'''\n{entry}'''"
    return json.dumps(entry, ensure_ascii=False)  # a basic string of TOML has the same escapes


def _is_table(entry: Any) -> bool:
    return isinstance(entry, dict) or (isinstance(entry, list) and bool(entry) and isinstance(entry[0], dict))


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else json.dumps(name)
