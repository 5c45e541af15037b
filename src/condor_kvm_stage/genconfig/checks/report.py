"""The output of --check: a line for each verdict, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ... import __version__
from ...text import printable
from . import Check, Level

_COLOURS = {Level.OK: "32", Level.NOTE: "34", Level.WARN: "33", Level.FAIL: "31", Level.NOT_APPLICABLE: "2"}
_QUIET = (Level.WARN, Level.FAIL)


def lines(results: list[Check], *, colour: bool, quiet: bool, whole: bool = True) -> Iterator[str]:
    """Yield the lines of a report for people. quiet: only what needs attention; nothing if nothing does.

    whole: whether these are all checks of the node; then the last line sums them up.
    """
    for check in results:
        if quiet and check.level not in _QUIET:
            continue
        level = f"{check.level.value:4}"
        if colour:
            level = f"\033[{_COLOURS[check.level]}m{level}\033[0m"
        step = f" -> {check.next_step}" if check.next_step else ""
        yield f"{level}  {check.group:8}  {check.name:13}  {printable(check.found + step)}"
    if whole and not quiet:
        yield verdict(results)


def document(results: list[Check]) -> dict[str, Any]:
    """Return the report for programs, described in condor-kvm-stage-genconfig(8), "JSON"."""
    return {
        "version": __version__,
        "ok": not failed(results),
        "checks": [
            {
                "group": check.group,
                "name": check.name,
                "level": check.level.value,
                "found": check.found,
                "next_step": check.next_step,
            }
            for check in results
        ],
    }


def as_json(results: list[Check]) -> str:
    """Return the document's text."""
    return json.dumps(document(results), indent=2, ensure_ascii=False).replace("\x9b", "\\u009b") + "\n"


def verdict(results: list[Check]) -> str:
    """Return the last line of a report."""
    failures = [f"{check.group} {check.name}" for check in failed(results)]
    if failures:
        return f"This node cannot run VM jobs as it should: {', '.join(dict.fromkeys(failures))}"
    untested = [check for check in results if "run this as root" in check.next_step]
    return "This node can run VM jobs" + (", as far as this user can tell." if untested else ".")


def failed(results: list[Check]) -> list[Check]:
    """Return the verdicts that make the exit status 1."""
    return [check for check in results if check.level is Level.FAIL]
