"""Pass on what the starter and the vm-gahp say to each other, or answer the starter in place of a vm-gahp.

Whatever goes wrong in here, the lines are still passed on, and HTCondor behaves as without the filter.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from .. import trace
from . import conversation
from .conversation import Conversation, is_failure
from .lines import LineReader, words
from .stand_in import VERSION, StandIn
from .vm_gahp import VmGahp

_LONGEST_READ = 1 << 16
# What is to be done about a failed start: its request, what the vm-gahp said of it, other results of the same answer
OnFailure = Callable[[bytes, bytes, "list[bytes]"], None]


class Exchange:
    """The conversation of a starter, on this process's stdin and stdout, with a vm-gahp."""

    def __init__(self, gahp: VmGahp, on_failed_start: OnFailure, log: Callable[[str], None]) -> None:
        self.talk = Conversation()
        self.stand_in: StandIn | None = None  # instead of the vm-gahp
        self.has_starter = True
        self.is_blind = False  # whether lines are only passed on, because something went wrong in here
        self._gahp = gahp
        self._on_failed_start = on_failed_start
        self._log = log
        self._from_starter, self._from_gahp = LineReader(), LineReader()

    @property
    def has_quit(self) -> bool:
        """Whether the starter has told the stand-in to end."""
        return bool(self.stand_in and self.stand_in.has_quit)

    def guarded(self, action: Callable[[], None]) -> bool:
        """Do something that must not end the conversation. Returns whether it worked."""
        try:
            action()
            return True
        except Exception as error:
            self.is_blind = True
            self.talk.held.clear()
            self._log(f"a bug, please report it; from now on it only passes lines on:\n{trace.of(error)}")
            return False

    def hear_starter(self) -> bool:
        """Pass on, or answer, what the starter says. Returns False if it has gone."""
        data = os.read(0, _LONGEST_READ)
        if not data:
            return False
        if self.stand_in:
            for line in self._from_starter.feed(data):
                self._answer(line)
            return True
        if not self.is_blind:
            self.guarded(lambda: self._note_commands(data))
        self._gahp.write(data)
        return True

    def hear_gahp(self) -> bool:
        """Pass on what the vm-gahp says. Returns whether there may be more: not now, if it has not ended."""
        data = self._gahp.read()
        if not data:
            return False
        if self.is_blind:
            self.say(data)
            return True
        for line in self._from_gahp.feed(data):
            held = b"".join(self.talk.held)
            if not self.is_blind and self.guarded(lambda line=line: self._pass_on(line)):  # type: ignore[misc]
                continue
            self.say(held + line)
        if self.is_blind:
            self.say(self._from_gahp.rest())
        return True

    def say(self, data: bytes) -> None:
        """Tell the starter something, if it is there."""
        while data and self.has_starter:
            try:
                data = data[os.write(1, data) :]
            except OSError:  # the starter has gone
                self.has_starter = False

    def take_over(self, start: Callable[[], bytes]) -> StandIn:
        """Answer the starter from now on. start: see StandIn. Returns what answers."""
        self.stand_in = StandIn(start, self.talk.requests)
        return self.stand_in

    def catch_up(self) -> None:
        """Answer what the vm-gahp has left without an answer."""
        assert self.stand_in
        if not self.talk.has_version:
            self.say(VERSION)
        for line in self.talk.unanswered:
            self._answer(line)
        self.stand_in.in_ad = self.talk.in_ad

    def _note_commands(self, data: bytes) -> None:
        for line in self._from_starter.feed(data):
            self.talk.ask(line)

    def _answer(self, line: bytes) -> None:
        """Answer the starter in place of the vm-gahp."""
        assert self.stand_in
        self.say(self.stand_in.answer(line))
        self.talk.ready = self.talk.ready or self.stand_in.has_given_pid

    def _pass_on(self, line: bytes) -> None:
        """Pass a line on. The answer to RESULTS is held back until it is complete."""
        if self.stand_in:
            return
        results = self.talk.answer(line)
        if results is not None:
            self._pass_results(results)
        elif not self.talk.held:
            self.say(line)

    def _pass_results(self, results: list[bytes]) -> None:
        others, failed = [], b""
        for line in results:
            if self.talk.result(line) == conversation.START and is_failure(line):
                failed = line
            else:
                others.append(line)
        if failed:
            self._on_failed_start(words(failed)[0], words(failed)[-1], others)
        else:
            self.say(b"S %d\n" % len(results) + b"".join(results))
