"""The outcome of something that was tried or asked: passed, failed with a reason, or not tried."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class _State(Enum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_TRIED = "not tried"


@dataclass(frozen=True)
class Outcome:
    """One of three states. Made by PASSED, failed() and not_tried()."""

    _state: _State
    reason: str = ""  # why it failed or was not tried, on one line; "" if it passed

    @property
    def passed(self) -> bool:
        return self._state is _State.PASSED

    @property
    def failed(self) -> bool:
        return self._state is _State.FAILED

    @property
    def tried(self) -> bool:
        return self._state is not _State.NOT_TRIED


PASSED = Outcome(_State.PASSED)


def failed(reason: str) -> Outcome:
    """Return the outcome of something that failed."""
    return Outcome(_State.FAILED, reason)


def not_tried(reason: str) -> Outcome:
    """Return the outcome of something that was not tried."""
    return Outcome(_State.NOT_TRIED, reason)
