"""A step of a verification, and how steps are carried out one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from testnode.run import TestNodeError

from .record import FAILED, PASSED, SKIPPED, Record, Result
from .site import NotThereError, Site


@dataclass(frozen=True)
class Step:
    """A step. show() returns what it found; it raises TestNodeError if what the title says does not hold."""

    title: str
    show: Callable[[Site], str]
    needs: tuple[str, ...] = ()  # the titles of steps that must have passed


def carry_out(steps: Sequence[Step], site: Site, record: Record) -> None:
    """Take the steps. One whose needs are not met is skipped; the others are taken, whatever has failed."""
    passed: set[str] = set()
    for step in steps:
        started = time.monotonic()
        lacking = [need for need in step.needs if need not in passed]
        if lacking:
            end, detail = SKIPPED, f"because it needs: {lacking[0]}"
        else:
            end, detail = _end(step, site)
        if end == PASSED:
            passed.add(step.title)
        record.add(Result(step.title, end, time.monotonic() - started, detail))


def _end(step: Step, site: Site) -> tuple[str, str]:
    try:
        return PASSED, step.show(site)
    except NotThereError as error:
        return SKIPPED, str(error)
    except TestNodeError as error:
        return FAILED, str(error)


def expect(holds: bool, otherwise: str) -> None:
    """Raise TestNodeError with a reason, unless something holds."""
    if not holds:
        raise TestNodeError(otherwise)
