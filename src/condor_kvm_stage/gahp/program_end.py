"""How a job's program has ended in its guest, and the exit status that its job gets: from a file that the guest writes.

The scratch directory is the job's user's, and the guest's; so the file is read as this user.
"""

from __future__ import annotations

import os
import posix
import re
import signal
from typing import TYPE_CHECKING

from .. import scratch_files
from ..failures import Failure
from ..job import CONSOLE, PROGRAM_DIR, PROGRAM_STATUS, UNMOUNTED, Job
from ..processes import become_user
from ..record import dataclass

if TYPE_CHECKING:
    from ..share.child import Action

NO_WORD = posix.EX_PROTOCOL  # the exit status if the guest has ended before the program
NO_FILES = posix.EX_OSFILE  # … because it could not mount the job's files
_OF_SIGNAL = 128  # as a shell has it: the exit status of a program that a signal has ended is above this
_TIMEOUT = 10  # seconds
# systemd's $EXIT_CODE and $EXIT_STATUS (systemd.exec(5)), which domain/launcher.py passes on
_STATUS = re.compile(r"(exited|killed|dumped) ([A-Z0-9+-]{1,12})\n")
_TAIL = 1 << 16  # bytes at the end of the console in which that is searched
_NOT_ENDED = "the guest ended before the job's program did; console.log says more"
_NO_FILES = "the guest could not mount the job's files (virtiofs), so their program did not run; console.log says more"


@dataclass(frozen=True)
class ProgramEnd:
    """How a program has ended."""

    status: int  # the job's exit status
    text: str  # what a user is told, "" for nothing
    has_ended: bool = True  # whether it has ended by itself, as far as the guest has said


def read(job: Job) -> ProgramEnd | None:
    """Return how the job's program has ended, None if the job has none."""
    if not os.path.lexists(f"{job.scratch}/{PROGRAM_DIR}"):
        return None
    from ..share.watchdog import Watchdog  # most jobs have no program

    try:
        with Watchdog(lambda: (_reader(job), _TIMEOUT), "condor-kvm-stage-gahp") as watchdog:
            status, console = watchdog.call((), "read how the job's program has ended")
    except Failure as error:
        return ProgramEnd(NO_WORD, f"it is not known how the job's program has ended: {error}", has_ended=False)
    return of_texts(status.decode("ascii", "replace"), console)


def of_texts(status: str, console: bytes) -> ProgramEnd:
    """Return how a program has ended. status: what the guest has written. console: its last output."""
    found = _STATUS.fullmatch(status)
    if found and found[1] == "exited" and found[2].isdecimal() and int(found[2]) < 256:
        return ProgramEnd(int(found[2]), "")
    if found and found[1] != "exited":
        number = _number(found[2])
        return ProgramEnd(_OF_SIGNAL + number, f"the job's program was killed in the guest by SIG{found[2]}")
    if UNMOUNTED.encode() in console:
        return ProgramEnd(NO_FILES, _NO_FILES, has_ended=False)
    return ProgramEnd(NO_WORD, _NOT_ENDED, has_ended=False)


def _reader(job: Job) -> Action:
    if os.getuid() == 0:
        become_user(job.uid, job.gid)

    def reader(_: object) -> tuple[bytes, bytes]:
        status = scratch_files.read(f"{job.scratch}/{PROGRAM_STATUS}", 100)
        return status, scratch_files.read_end(f"{job.scratch}/{CONSOLE}", _TAIL, job.uid, 1 << 40) or b""

    return reader


def _number(name: str) -> int:
    """Return a signal's number, 0 if this node does not know it."""
    try:
        return int(signal.Signals[f"SIG{name}"])
    except KeyError:
        return 0
