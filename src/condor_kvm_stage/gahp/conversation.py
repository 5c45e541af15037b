"""What the starter has asked the vm-gahp, and what it still waits for. No I/O.

Each command has an answer at once, in the order of the commands, except for lines between CLASSAD and CLASSAD_END.
CONDOR_VM_* commands have a request id, and their results come with the answer to a later RESULTS: the number of
results, then a line for each, `<request id> 0|1 <value>`. Two kinds of lines come unasked: the version, first of all,
and R, "there are new results". See src/condor_vm-gahp/vmgahp.cpp of HTCondor.
"""

from __future__ import annotations

from collections import deque

from ..record import dataclass, field
from .lines import words

START, STOP = b"CONDOR_VM_START", b"CONDOR_VM_STOP"
GETPID, STATUS = b"CONDOR_VM_GETPID", b"CONDOR_VM_STATUS"
QUIT, RESULTS, AD, END_OF_AD = b"QUIT", b"RESULTS", b"CLASSAD", b"CLASSAD_END"
_REQUEST = b"CONDOR_VM_"
_CLUSTER, _PROC = b"CLUSTERID", b"PROCID"  # attributes of the job
NEW_RESULTS = b"R"
SUCCESS = b"0"


@dataclass
class Conversation:
    """The state of a conversation."""

    has_version: bool = False
    in_ad: bool = False
    quitting: bool = False  # the starter has said QUIT
    stopping: bool = False  # the starter has said STOP or QUIT, so the guest's end is its doing
    unanswered: deque[bytes] = field(default_factory=deque)  # commands (lines) without an answer, the oldest first
    requests: dict[bytes, bytes] = field(default_factory=dict)  # names of commands without a result, by request id
    guest: bytes = b""  # the vm-gahp's id of the guest, b"" before it has started
    ready: bool = False  # whether the starter has done what it does after a start, so that the job may end
    held: list[bytes] = field(default_factory=list)  # the lines of an answer to RESULTS that is not complete yet
    _ids: dict[bytes, int] = field(default_factory=dict)  # of the job
    _awaited: int = 0  # result lines of that answer that are still to come

    @property
    def job(self) -> str:
        """The job's number, such as "12.0", "" while it is not known."""
        return f"{self._ids[_CLUSTER]}.{self._ids[_PROC]}" if len(self._ids) == 2 else ""

    @property
    def starting(self) -> bool:
        """Whether a start has no result yet."""
        return START in self.requests.values()

    def ask(self, line: bytes) -> None:
        """Take note of a line from the starter."""
        command = words(line)
        name = command[0].upper()
        if self.in_ad and name != END_OF_AD:
            if name in (_CLUSTER, _PROC) and command[2:] and command[2].isdigit():
                self._ids[name] = int(command[2])
            return
        self.in_ad = name == AD
        self.quitting = self.quitting or name == QUIT
        self.stopping = self.stopping or name in (STOP, QUIT)
        self.unanswered.append(line)
        if name.startswith(_REQUEST) and len(command) > 1:
            self.requests[command[1]] = name

    def answer(self, line: bytes) -> list[bytes] | None:
        """Take note of a line from the vm-gahp. Returns the result lines if it completes an answer to RESULTS.

        `held` has the lines before it if it does not; it is empty for any other answer.
        """
        if self.held:
            self.held.append(line)
            self._awaited -= 1
            return self._complete()
        if not self.has_version:
            self.has_version = True
            return None
        found = words(line)
        if found == [NEW_RESULTS] or not self.unanswered:
            return None
        if words(self.unanswered.popleft())[0].upper() == RESULTS and len(found) == 2 and found[1].isdigit():
            self.held.append(line)
            self._awaited = int(found[1])
            return self._complete()
        return None

    def result(self, line: bytes) -> bytes:
        """Take note of a result that the starter gets. Returns the name of its command, b"" if it did not ask."""
        request, outcome, value = [*words(line), b"", b""][:3]
        name = self.requests.pop(request, b"")
        if name == START and outcome == SUCCESS:
            self.guest = value
        self.ready = self.ready or (name == GETPID and bool(self.guest))
        return name

    def _complete(self) -> list[bytes] | None:
        if self._awaited:
            return None
        results, self.held = self.held[1:], []
        return results


def is_failure(line: bytes) -> bool:
    """Return whether a result line says that the command failed."""
    return words(line)[1:2] != [SUCCESS]
