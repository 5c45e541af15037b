"""Run a job's conversation: end the job with its guest, judge a failed start, and outlive a vm-gahp that dies."""

from __future__ import annotations

import contextlib
import select
import time

from ..job import Job
from . import endings
from .duties import Duties
from .exchange import Exchange
from .failed_start import FailedStart
from .guest_care import GuestCare
from .hold_request import HoldRequest
from .vm_gahp import VmGahp

_TELLING = 0.1  # seconds between two looks whether the user is told
START_TIMEOUT = 180  # seconds; HTCondor itself waits for ever


class Relay:
    """A starter, a vm-gahp, and the guest."""

    def __init__(self, gahp: VmGahp, job: Job, duties: Duties) -> None:
        self._gahp = gahp
        self._duties = duties
        self._exchange = Exchange(gahp, self._start_has_failed, duties.log)
        self._talk = self._exchange.talk
        self._hold = HoldRequest(duties, self._talk)
        self._care = GuestCare(job, duties, self._hold)
        self._failed = FailedStart(duties, self._hold)
        self._start_began = 0.0
        self._is_giving_up = False  # whether this ends, and the job runs again, once its user is told
        self._status: int | None = None  # the exit status; None while this goes on
        self._poll = select.poll()
        for descriptor in (0, gahp.output, gahp.process):
            self._poll.register(descriptor, select.POLLIN)

    def run(self) -> int:
        """Relay until the vm-gahp or the guest has ended. Returns the exit status, which becomes the job's."""
        try:
            while self._status is None:
                self._step([descriptor for descriptor, _ in self._poll.poll(self._pause() * 1000)])
            if not self._exchange.is_blind:
                self._exchange.guarded(lambda: self._care.note_end(self._is_stopped()))
            return self._status
        finally:
            self._hold.withdraw()
            self._care.stop()

    def _pause(self) -> float:
        pause = self._care.pause(self._is_looking()) if self._duties.is_told() else _TELLING
        return min(pause, 1.0) if self._hold.reason else pause

    def _step(self, events: list[int]) -> None:
        """Do what has come up. events: what can be read."""
        if 0 in events:
            self._hear_starter()
        if self._gahp.output in events and not self._exchange.hear_gahp():
            self._stop_reading_at_the_end()
        if self._gahp.process in events and not self._exchange.stand_in:
            self._gahp_has_ended()
        guest = self._care.guest
        if guest and guest.process in events:
            self._poll.unregister(guest.process)
            guest.is_alive = False
        resets = self._care.resets
        if resets and resets.output in events and not resets.read():
            self._poll.unregister(resets.output)
        if not self._exchange.is_blind and self._status is None:
            self._exchange.guarded(self._consider)

    def _is_stopped(self) -> bool:
        """Whether the guest's end is HTCondor's doing."""
        return self._talk.stopping or not self._exchange.has_starter

    def _is_looking(self) -> bool:
        """Whether the guest may appear: it runs for a while, or not at all, before the starter hears of it."""
        began = self._start_began
        return bool(began) and not self._exchange.stand_in and time.monotonic() < began + START_TIMEOUT

    def _hear_starter(self) -> None:
        if not self._exchange.hear_starter():
            self._poll.unregister(0)
            self._exchange.guarded(self._starter_has_gone)
        if self._talk.starting and not self._start_began:
            self._start_began = time.monotonic()
        if self._exchange.has_quit:
            self._status = self._care.status or 0

    def _stop_reading_at_the_end(self) -> None:
        if self._gahp.has_said_all:
            with contextlib.suppress(KeyError):  # the end may be read more than once
                self._poll.unregister(self._gahp.output)

    def _start_has_failed(self, request: bytes, value: bytes, others: list[bytes]) -> None:
        # Killed, because otherwise it would destroy a guest by its name when it ends, whosever that is
        self._gahp.kill()
        self._take_over()
        if not self._exchange.has_starter:
            self._status = 1
            return
        assert self._exchange.stand_in
        result = request + b" " + self._outcome(value) + b"\n"
        self._exchange.say(self._exchange.stand_in.results([*others, result]))

    def _outcome(self, value: bytes = b"") -> bytes:
        """Return what the starter is told of a failed start. value: what the vm-gahp said."""
        outcome = self._failed.outcome(value)
        assert self._exchange.stand_in
        self._exchange.stand_in.pretends = bool(self._hold.reason)
        return outcome

    def _take_over(self) -> None:
        """Answer the starter from now on; the vm-gahp has ended."""
        with contextlib.suppress(KeyError):
            self._poll.unregister(self._gahp.process)
        self._exchange.take_over(self._outcome)

    def _gahp_has_ended(self) -> None:
        """It has ended by itself, or because the starter said so."""
        while self._exchange.hear_gahp():
            pass
        code = self._gahp.wait()
        if self._exchange.stand_in:
            return
        if self._exchange.is_blind or self._talk.quitting or not self._exchange.has_starter:
            status = self._care.status
            self._status = code if status is None else status
            return
        self._duties.log(f"the vm-gahp has ended by itself, with status {code}")
        if not self._talk.guest:
            self._replace_gahp(f"HTCondor's vm-gahp has ended by itself, with status {code}")
        elif self._care.guest and not self._care.guest.is_alive:
            self._take_over()
        else:
            self._care.destroy()
            endings.abandon()
            self._status = 1

    def _replace_gahp(self, cause: str) -> None:
        """Take over from a vm-gahp that has ended before the start had a result. cause: what is said of that."""
        self._failed.cause = cause
        self._care.destroy()
        self._take_over()
        if self._exchange.has_starter:
            self._exchange.catch_up()
        else:
            self._status = 1

    def _starter_has_gone(self) -> None:
        self._exchange.has_starter = False
        if self._exchange.stand_in:
            self._status = 1
        elif self._talk.starting:
            # If the start fails, the vm-gahp must not destroy a guest by its name; so ask how it ended
            self._talk.ask(b"RESULTS\r\n")
            self._gahp.write(b"RESULTS\r\n")
        else:
            self._gahp.close_input()  # it destroys the guest and ends

    def _consider(self) -> None:
        """Look at what has changed by itself."""
        exchange, talk, care = self._exchange, self._talk, self._care
        if self._is_giving_up:
            if self._duties.is_told():
                endings.abandon()
                self._status = 1
            return
        if talk.starting and not exchange.stand_in and time.monotonic() > self._start_began + START_TIMEOUT:
            self._duties.log(f"the guest has not started in {START_TIMEOUT} s")
            self._gahp.kill()
            self._replace_gahp(f"it has not started in {START_TIMEOUT} s")
        found = care.find() if self._is_looking() else None
        if found:
            self._poll.register(found.process, select.POLLIN)
        if found and care.resets:
            self._poll.register(care.resets.output, select.POLLIN)
        if not exchange.has_starter and not exchange.stand_in and talk.guest:
            self._gahp.close_input()
        care.look(self._is_stopped())
        if care.has_ended and talk.ready and not talk.quitting and exchange.has_starter:
            self._finish()
        elif self._hold.pursue():
            self._stay_without_hold()

    def _stay_without_hold(self) -> None:
        """Go on after the startd has not put the job on hold: a job whose guest has not started runs again."""
        self._duties.log("the startd has not put the job on hold")
        self._duties.report(self._hold.reason)
        self._hold.withdraw()
        self._is_giving_up = bool(self._exchange.stand_in)

    def _finish(self) -> None:
        """End, and so end the job, with the guest's exit status."""
        status = self._care.status
        assert status is not None
        if not self._exchange.stand_in and self._talk.unanswered:
            return  # the vm-gahp is about to answer
        if not self._care.say_last_words():
            return
        if not self._exchange.stand_in:
            self._duties.clean()
            self._gahp.finish(self._talk.guest)
            self._take_over()
        endings.leave_stand_in(lambda: self._exchange.hear_starter() and not self._exchange.has_quit)
        self._status = status
