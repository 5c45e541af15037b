"""A job that is to go on hold: when the startd is asked, and what it was asked is withdrawn."""

from __future__ import annotations

import time

from .conversation import Conversation
from .duties import Duties

TIMEOUT = 90  # seconds for the startd to put the job on hold


class HoldRequest:
    """What is asked of the startd for a job."""

    def __init__(self, duties: Duties, talk: Conversation) -> None:
        self.reason = ""  # why the job is to go on hold, "" if it is not
        self._duties = duties
        self._talk = talk
        self._asked = 0.0  # when the startd was asked, 0 if it was not

    def make(self, reason: str) -> bool:
        """Want the job to be put on hold. Returns whether the startd would do that."""
        if not self.reason and self._talk.job and self._duties.can_hold():
            self.reason = reason
        return bool(self.reason)

    def pursue(self) -> bool:
        """Ask the startd, once the starter serves it. Returns whether the startd has not done it in time."""
        if not self.reason or not self._talk.ready:
            return False
        if not self._asked:
            self._asked = time.monotonic()
            self._duties.hold(self._talk.job, self.reason)
        return time.monotonic() > self._asked + TIMEOUT

    def withdraw(self) -> None:
        """Ask for nothing any more."""
        if self._asked:
            self._duties.hold(self._talk.job, "")
        self.reason, self._asked = "", 0.0
