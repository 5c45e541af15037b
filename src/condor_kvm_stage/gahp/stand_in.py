"""Answers the starter in place of a vm-gahp that has ended. No I/O.

The starter takes the end of its pipes for an internal error until it has noticed the end of the process itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from .conversation import AD, END_OF_AD, GETPID, QUIT, RESULTS, START, STATUS
from .lines import words

VERSION = b"$VMGahpVersion 0.0.1 May 1 2007 Condor\\ VMGAHP $\n"
_COMMANDS = (
    b"ASYNC_MODE_ON ASYNC_MODE_OFF CONDOR_VM_START CONDOR_VM_STOP CONDOR_VM_SUSPEND CONDOR_VM_SOFT_SUSPEND "
    b"CONDOR_VM_RESUME CONDOR_VM_CHECKPOINT CONDOR_VM_STATUS CONDOR_VM_GETPID QUIT VERSION COMMANDS SUPPORT_VMS "
    b"RESULTS CLASSAD CLASSAD_END"
)
# Answers that are more than "success"
_ANSWERS = {b"COMMANDS": b"S " + _COMMANDS, b"SUPPORT_VMS": b"S kvm", b"VERSION": b"S " + VERSION.strip()}


class StandIn:
    """Answers commands. The guest does not run, or runs no more, whatever it says."""

    def __init__(self, start: Callable[[], bytes], requests: Mapping[bytes, bytes]) -> None:
        """Take over. start: returns what becomes of a start, such as b"1 NULL"; may take a while.

        requests: names of commands without a result, by request id.
        """
        self.in_ad = False  # whether the starter is sending an ad
        self.has_quit = False  # whether the starter has said QUIT
        self.pretends = False  # whether it says that the guest runs
        self.has_given_pid = False  # whether the starter has the result of GETPID
        self._start = start
        self._requests = dict(requests)

    def answer(self, line: bytes) -> bytes:
        """Return the answer to a line from the starter; b"" for none."""
        command = words(line)
        name = command[0].upper()
        if self.in_ad and name != END_OF_AD:
            return b""
        self.in_ad = name == AD
        self.has_quit = self.has_quit or name == QUIT
        if name == RESULTS:
            return self.results()
        if name.startswith(b"CONDOR_VM_") and len(command) > 1:
            self._requests[command[1]] = name
        return _ANSWERS.get(name, b"S") + b"\n"

    def results(self, others: Iterable[bytes] = ()) -> bytes:
        """Return the answer to RESULTS: `others`, result lines, and those of all requests."""
        lines = list(others)
        for request, name in self._requests.items():
            lines.append(request + b" " + self._outcome(name) + b"\n")
        self.has_given_pid = self.has_given_pid or GETPID in self._requests.values()
        self._requests.clear()
        return b"S %d\n" % len(lines) + b"".join(lines)

    def _outcome(self, name: bytes) -> bytes:
        if name == START:
            return self._start()
        if name == STATUS:
            return b"0 STATUS=Running" if self.pretends else b"0 STATUS=Stopped"
        return b"0 0"
