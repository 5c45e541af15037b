"""The output of --check: a line for each verdict, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from typing import Any

from ... import __version__
from . import Check, Level
from . import layout as layouts
from .layout import Layout


class Verbosity(Enum):
    """Which verdicts a report shows."""

    QUIET = "quiet"  # what needs attention; nothing if nothing does
    NORMAL = "normal"  # all but what does not matter on this node
    VERBOSE = "verbose"  # all


_QUIET = (Level.WARN, Level.FAIL)


def lines(results: list[Check], layout: Layout, *, verbosity: Verbosity, whole: bool = True) -> Iterator[str]:
    """Yield the lines of a report for people.

    whole: whether these are all checks of the node; then the last line sums them up, unless the report is a quiet one.
    """
    for check in results:
        if _is_shown(check, verbosity):
            yield from layouts.lines(check, layout)
    if whole and verbosity is not Verbosity.QUIET:
        yield from layouts.wrapped(verdict(results), layout)


def _is_shown(check: Check, verbosity: Verbosity) -> bool:
    if verbosity is Verbosity.QUIET:
        return check.level in _QUIET
    return verbosity is Verbosity.VERBOSE or (check.level is not Level.NOT_APPLICABLE and not check.unused)


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
    number = sum(check.level is Level.WARN for check in results)
    warnings = f"{number} warning{'s' if number > 1 else ''}" if number else ""
    failures = [f"{check.group} {check.name}" for check in failed(results)]
    if failures:
        names = ", ".join(dict.fromkeys(failures))
        return f"This node cannot run VM jobs as it should: {names}" + (f" (and {warnings})" if warnings else "")
    untested = any("run this as root" in check.next_step for check in results)
    parts = [
        "This node can run VM jobs",
        "as far as this user can tell" if untested else "",
        f"with {warnings}" if warnings else "",
    ]
    return ", ".join(part for part in parts if part) + "."


def failed(results: list[Check]) -> list[Check]:
    """Return the verdicts that make the exit status 1."""
    return [check for check in results if check.level is Level.FAIL]
