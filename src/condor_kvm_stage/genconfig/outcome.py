"""The outcome of something that was tried or asked: passed, failed with a reason, unknown, or not tried."""

from __future__ import annotations

from enum import Enum

from ..answer import Answer
from ..record import dataclass


class _State(Enum):
    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_TRIED = "not tried"


@dataclass(frozen=True)
class Outcome:
    """One of four states. Made by PASSED, failed(), unknown(), of_answer() and not_tried()."""

    _state: _State
    reason: str = ""  # why it failed, is unknown or was not tried, on one line; "" if it passed

    @property
    def passed(self) -> bool:
        return self._state is _State.PASSED

    @property
    def failed(self) -> bool:
        return self._state is _State.FAILED

    @property
    def unknown(self) -> bool:
        """Whether there was no answer in time. That is neither good nor bad: the node may be busy."""
        return self._state is _State.UNKNOWN

    @property
    def tried(self) -> bool:
        return self._state is not _State.NOT_TRIED


PASSED = Outcome(_State.PASSED)


def failed(reason: str) -> Outcome:
    """Return the outcome of something that failed."""
    return Outcome(_State.FAILED, reason)


def unknown(reason: str) -> Outcome:
    """Return the outcome of something that did not answer in time."""
    return Outcome(_State.UNKNOWN, reason)


def of_answer(answer: Answer, reason: str = "") -> Outcome:
    """Return the outcome of a program that was not successful. reason: of its failure, "" for the answer's."""
    return unknown(answer.reason) if answer.late else failed(reason or answer.reason)


def not_tried(reason: str) -> Outcome:
    """Return the outcome of something that was not tried."""
    return Outcome(_State.NOT_TRIED, reason)
