"""Pass on what the starter and the vm-gahp say to each other; end the job with its guest; judge a failed start.

Whatever goes wrong in here, the lines are still passed on, and HTCondor behaves as without the filter.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
import traceback
from collections.abc import Callable

from ..job import Job
from . import conversation
from .conversation import Conversation, is_failure
from .duties import Duties
from .guest_care import GuestCare
from .lines import LineReader, word, words
from .stand_in import VERSION, StandIn
from .vm_gahp import VmGahp

START_TIMEOUT = 180  # seconds; HTCondor itself waits for ever
_LONGEST_READ = 1 << 16
# After these results of a start HTCondor puts the job on hold, and does not blame the node
_HOLDS_JOB = (
    b"VMGAHP_ERR_JOBCLASSAD_NO_VM_MEMORY_PARAM",
    b"VMGAHP_ERR_JOBCLASSAD_MISMATCHED_HARDWARE_VT",
    b"VMGAHP_ERR_JOBCLASSAD_KVM_NO_DISK_PARAM",
    b"VMGAHP_ERR_JOBCLASSAD_KVM_INVALID_DISK_PARAM",
    b"VMGAHP_ERR_JOBCLASSAD_KVM_MISMATCHED_CHECKPOINT",
    b"VMGAHP_ERR_BAD_IMAGE",
)


class Relay:
    """The conversation of a starter, on this process's stdin and stdout, with a vm-gahp."""

    def __init__(self, gahp: VmGahp, job: Job, duties: Duties) -> None:
        self._gahp = gahp
        self._duties = duties
        self._talk = Conversation()
        self._from_starter, self._from_gahp = LineReader(), LineReader()
        self._is_blind = False  # whether lines are only passed on, because something went wrong in here
        self._has_starter = True
        self._stand_in: StandIn | None = None  # instead of the vm-gahp
        self._care = GuestCare(job, duties)
        self._start_began = 0.0
        self._status: int | None = None  # the exit status; None while this goes on
        self._poll = select.poll()
        for descriptor in (0, gahp.output, gahp.process):
            self._poll.register(descriptor, select.POLLIN)

    def run(self) -> int:
        """Relay until the vm-gahp or the guest has ended. Returns the exit status, which becomes the job's."""
        while self._status is None:
            events = [descriptor for descriptor, _ in self._poll.poll(self._care.pause(self._is_looking()) * 1000)]
            if 0 in events:
                self._hear_starter()
            if self._gahp.output in events:
                self._hear_gahp()
            if self._gahp.process in events and not self._stand_in:
                self._gahp_has_ended()
            guest = self._care.guest
            if guest and guest.process in events:
                self._poll.unregister(guest.process)
                guest.is_alive = False
            if not self._is_blind and self._status is None:
                self._guarded(self._consider)
        if not self._is_blind:
            self._guarded(lambda: self._care.note_end(self._is_stopped()))
        return self._status

    def _is_stopped(self) -> bool:
        """Whether the guest's end is HTCondor's doing."""
        return self._talk.stopping or not self._has_starter

    def _is_looking(self) -> bool:
        """Whether the guest may appear: it runs for a while, or not at all, before the starter hears of it."""
        began = self._start_began
        return bool(began) and not self._stand_in and time.monotonic() < began + START_TIMEOUT

    def _guarded(self, action: Callable[[], None]) -> bool:
        """Do something that must not end the conversation. Returns whether it worked."""
        try:
            action()
            return True
        except Exception:
            self._is_blind = True
            self._talk.held.clear()
            self._duties.log(f"a bug, please report it; from now on it only passes lines on:\n{traceback.format_exc()}")
            return False

    def _hear_starter(self) -> None:
        data = os.read(0, _LONGEST_READ)
        if not data:
            self._poll.unregister(0)
            self._guarded(self._starter_has_gone)
        elif self._stand_in:
            for line in self._from_starter.feed(data):
                self._answer(line)
        else:
            if not self._is_blind:
                self._guarded(lambda: self._note_commands(data))
            self._gahp.write(data)

    def _note_commands(self, data: bytes) -> None:
        for line in self._from_starter.feed(data):
            self._talk.ask(line)
        if self._talk.starting and not self._start_began:
            self._start_began = time.monotonic()

    def _answer(self, line: bytes) -> None:
        """Answer the starter in place of the vm-gahp."""
        assert self._stand_in
        self._say(self._stand_in.answer(line))
        if self._stand_in.has_given_pid:
            self._talk.ready = True
        if self._stand_in.has_quit:
            self._status = self._care.end.value if self._care.end else 0

    def _say(self, data: bytes) -> None:
        while data and self._has_starter:
            try:
                data = data[os.write(1, data) :]
            except OSError:  # the starter has gone
                self._has_starter = False

    def _hear_gahp(self) -> bool:
        """Pass on what the vm-gahp says. Returns whether there may be more."""
        data = self._gahp.read()
        if data is None:
            return False
        if not data:
            with contextlib.suppress(KeyError):  # the end may be read more than once
                self._poll.unregister(self._gahp.output)
            return False
        if self._is_blind:
            self._say(data)
            return True
        for line in self._from_gahp.feed(data):
            held = b"".join(self._talk.held)
            if not self._is_blind and self._guarded(lambda line=line: self._pass_on(line)):  # type: ignore[misc]
                continue
            self._say(held + line)
        if self._is_blind:
            self._say(self._from_gahp.rest())
        return True

    def _pass_on(self, line: bytes) -> None:
        """Pass a line on. The answer to RESULTS is held back until it is complete."""
        if self._stand_in:
            return
        results = self._talk.answer(line)
        if results is not None:
            self._pass_results(results)
        elif not self._talk.held:
            self._say(line)

    def _pass_results(self, results: list[bytes]) -> None:
        others, failed = [], b""
        for line in results:
            if self._talk.result(line) == conversation.START and is_failure(line):
                failed = line
            else:
                others.append(line)
        if failed:
            self._start_has_failed(words(failed)[0], words(failed)[-1], others)
        else:
            self._say(b"S %d\n" % len(results) + b"".join(results))

    def _start_has_failed(self, request: bytes, value: bytes, others: list[bytes]) -> None:
        # Killed, because otherwise it would destroy a guest by its name when it ends, whosever that is
        self._gahp.kill()
        self._take_over()
        if not self._has_starter:
            self._status = 1
            return
        assert self._stand_in
        result = request + b" " + self._outcome(value) + b"\n"
        self._say(self._stand_in.results([*others, result]))

    def _outcome(self, value: bytes = b"") -> bytes:
        """Return what the starter is told of a failed start. value: what the vm-gahp said.

        A node's fault is passed on in words: they come into the job's event log, and into the slots' VMOfflineReason.
        """
        if value in _HOLDS_JOB:
            return b"1 " + value
        fault = self._duties.judge()
        return b"1 " + (word(fault) if fault else _HOLDS_JOB[-1])

    def _take_over(self) -> None:
        """Answer the starter from now on; the vm-gahp has ended."""
        with contextlib.suppress(KeyError):
            self._poll.unregister(self._gahp.process)
        self._stand_in = StandIn(self._outcome, self._talk.requests)

    def _gahp_has_ended(self) -> None:
        """It has ended by itself, or because the starter said so."""
        while self._hear_gahp():
            pass
        code = self._gahp.wait()
        if self._stand_in:
            return
        if self._is_blind or self._talk.quitting or not self._has_starter:
            self._status = self._care.end.value if self._care.end else code
            return
        self._duties.log(f"the vm-gahp has ended by itself, with status {code}")
        if not self._talk.guest:
            self._replace_gahp()
        elif self._care.guest and not self._care.guest.is_alive:
            self._take_over()
        else:
            self._care.destroy()
            self._abandon()

    def _replace_gahp(self) -> None:
        """Take over from a vm-gahp that has ended before the start had a result."""
        self._care.destroy()
        self._take_over()
        if not self._has_starter:
            self._status = 1
            return
        assert self._stand_in
        if not self._talk.has_version:
            self._say(VERSION)
        for line in self._talk.unanswered:
            self._answer(line)
        self._stand_in.in_ad = self._talk.in_ad

    def _abandon(self) -> None:
        """Let the starter find the end of its pipe: it then ends itself, and the job runs again."""
        null = os.open("/dev/null", os.O_WRONLY)
        os.dup2(null, 1)
        deadline = time.monotonic() + 120
        waiting = select.poll()
        waiting.register(0, select.POLLIN)
        while time.monotonic() < deadline:
            if waiting.poll(1000) and not os.read(0, _LONGEST_READ):
                break
        self._status = 1

    def _starter_has_gone(self) -> None:
        self._has_starter = False
        if self._stand_in:
            self._status = 1
        elif self._talk.starting:
            # If the start fails, the vm-gahp must not destroy a guest by its name; so ask how it ended
            self._talk.ask(b"RESULTS\r\n")
            self._gahp.write(b"RESULTS\r\n")
        else:
            self._gahp.close_input()  # it destroys the guest and ends

    def _consider(self) -> None:
        """Look at what has changed by itself."""
        if self._talk.starting and not self._stand_in and time.monotonic() > self._start_began + START_TIMEOUT:
            self._duties.log(f"the guest has not started in {START_TIMEOUT} s")
            self._gahp.kill()
            self._replace_gahp()
        found = self._care.find() if self._is_looking() else None
        if found:
            self._poll.register(found.process, select.POLLIN)
        if not self._has_starter and not self._stand_in and self._talk.guest:
            self._gahp.close_input()
        self._care.look(self._is_stopped())
        if self._care.has_ended and self._talk.ready and not self._talk.quitting and self._has_starter:
            self._finish()

    def _finish(self) -> None:
        """End, and so end the job, with the guest's exit status."""
        assert self._care.end
        if not self._stand_in:
            if self._talk.unanswered:
                return  # the vm-gahp is about to answer
            self._duties.clean()
            self._gahp.finish(self._talk.guest)
            self._take_over()
        self._leave_stand_in()
        self._status = self._care.end.value

    def _leave_stand_in(self) -> None:
        """Leave a child that answers until the starter has noticed the end of this process."""
        if os.fork():
            return
        with contextlib.suppress(BaseException):
            os.setsid()
            deadline = time.monotonic() + 60
            while self._status is None and time.monotonic() < deadline:
                if select.select([0], [], [], 1)[0]:
                    self._hear_starter()
        os._exit(0)
