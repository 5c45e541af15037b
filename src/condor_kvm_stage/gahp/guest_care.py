"""Find a job's guest, notice its end, and do what the policy says if it cannot continue."""

from __future__ import annotations

import time

from ..job import Job
from . import guest_watch
from .duties import Duties
from .guest_end import End
from .guest_watch import GuestWatch
from .hold_request import HoldRequest
from .program_end import ProgramEnd
from .reset_watch import ResetWatch

PATIENCE = 30  # seconds for which a guest that cannot continue is left alone
LOOK = 0.5  # seconds between two looks for the guest
ENDING = 0.1  # seconds between two looks for how it ended, which libvirt says later, and whether the user is told
PARTING = 10.0  # seconds for what the guest has printed last: a busy starter needs some
IDLE = 10.0  # seconds between two looks at it


class GuestCare:
    """What is known of a job's guest."""

    def __init__(self, job: Job, duties: Duties, hold: HoldRequest) -> None:
        self.guest: GuestWatch | None = None
        self.resets: ResetWatch | None = None
        self.end: End | None = None
        self._program: ProgramEnd | None = None  # of the job's program, None if it has none
        self._job = job
        self._duties = duties
        self._hold = hold
        self._standstill: End | None = None  # why the guest cannot continue, None if it can
        self._stands_since = 0.0  # when that was noticed
        self._last_words = ""
        self._parting_since = 0.0  # when the user began to be told them
        self._next_look = 0.0
        self._is_end_noted = False
        self._is_destroyed = False  # by destroy(), so that its end is not the job's

    @property
    def has_ended(self) -> bool:
        """Whether the guest has ended, and it is known how."""
        return bool(self.guest and not self.guest.is_alive and self.end)

    @property
    def status(self) -> int | None:
        """The job's exit status, None while it is not known how the guest has ended, if the job has no program."""
        if self._program and not self.end:  # libvirt does not say
            return (self._duties.program_end() or self._program).status
        if self.end and self._program and self._counts(self._program):
            return self._program.status
        return self.end.value if self.end else None

    def pause(self, is_expected: bool) -> float:
        """Return the seconds until the next look. is_expected: whether the guest may appear."""
        if self.guest and not self.guest.is_alive:
            return LOOK if (self.end or self._is_destroyed) and not self._parting_since else ENDING
        return LOOK if is_expected and not self.guest else IDLE

    def find(self) -> GuestWatch | None:
        """Look for the guest. Returns it if it was found just now."""
        if self.guest or time.monotonic() < self._next_look:
            return None
        self._next_look = time.monotonic() + LOOK
        self.guest = guest_watch.find(self._job.starter, self._job.started)
        if self.guest:
            self._program = self._duties.program_end()
            self._duties.note_start(self.guest)
            try:
                self.resets = ResetWatch(self._duties.resets(self.guest))
            except OSError as error:
                self._duties.log(f"cannot watch the guest's resets: {error}")
            try:
                self._duties.find_address(self.guest)
            except OSError as error:
                self._duties.log(f"cannot look for the guest's address: {error}")
        return self.guest

    def stop(self) -> None:
        """Watch the guest no longer."""
        if self.resets:
            self.resets.stop()

    def destroy(self) -> None:
        """Destroy the guest, if there is one. What becomes of the job is the caller's to say."""
        self._is_destroyed = True
        guest = self.guest or guest_watch.find(self._job.starter, self._job.started)
        if guest:
            self._duties.destroy(guest)

    def look(self, is_stopped: bool) -> None:
        """Look at the guest. is_stopped: whether its end is HTCondor's doing, so that nobody need be told."""
        if not self.guest or self.end or self._is_destroyed:
            return
        if self.guest.is_alive:
            self._look_after(self.guest)
            return
        self.end = self.guest.end()
        if not self.end:
            return
        self.note_end(is_stopped)
        text = self.end.text
        if self._program:
            self._program = self._duties.program_end() or self._program
            text = self._program.text if self._counts(self._program) else text
        if text and not is_stopped:
            self._duties.log(text)
            self._last_words = text

    def say_last_words(self) -> bool:
        """Tell the user how the guest has ended, and wait until he knows what it has printed.

        Not before the starter, which sleeps after the start, listens.

        Returns whether that is done. Until then the starter, which tells him, must be answered.
        """
        if not self._parting_since:
            self._parting_since = time.monotonic()
            if self._last_words:
                self._duties.report(self._last_words)
        is_late = time.monotonic() > self._parting_since + PARTING  # the job's user can stop who keeps the console
        return self._duties.is_told() and (is_late or self._duties.is_console_told())

    def note_end(self, is_stopped: bool) -> None:
        """Write into the journal that the guest has ended, once. is_stopped: see look()."""
        if self.guest and not self._is_end_noted:
            self._is_end_noted = True
            self._duties.note_end(self.guest, self.end, is_stopped)

    def _counts(self, program: ProgramEnd) -> bool:
        """Return whether the program's end is the job's, and not the guest's."""
        return program.has_ended or self.end == End.POWERED_OFF

    def _look_after(self, guest: GuestWatch) -> None:
        """Notice if the guest cannot continue."""
        if self.resets and self.resets.is_looping:
            text = self.resets.text
            self.stop()
            self._tell(text)
            if self._duties.reset_loop() == "hold":
                self._hold.make(text)
        guest.refresh()
        now = time.monotonic()
        if guest.standstill != self._standstill:
            self._standstill, self._stands_since = guest.standstill, now
            if self._standstill:
                self._tell(self._standstill.text)
        elif self._standstill and now > self._stands_since + PATIENCE and not self._hold.reason:
            self._give_up(guest, self._standstill)

    def _give_up(self, guest: GuestWatch, reason: End) -> None:
        """End a guest that cannot continue, unless a disk is full, and the policy says otherwise."""
        wanted = self._duties.full_disk() if reason == End.STUCK else "end"
        if wanted == "wait" or (wanted == "hold" and self._hold.make(reason.text)):
            return
        self.end = reason
        self._last_words = reason.text
        self.note_end(is_stopped=False)
        self._duties.destroy(guest)

    def _tell(self, text: str) -> None:
        """Tell the user and the administrator."""
        self._duties.log(text)
        self._duties.report(text)
