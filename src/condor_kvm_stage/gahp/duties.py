"""What the relay needs of the node."""

from __future__ import annotations

from collections.abc import Callable

from ..record import dataclass
from .guest_end import End
from .guest_watch import GuestWatch
from .program_end import ProgramEnd
from .start_error import StartError


@dataclass(frozen=True)
class Duties:
    """What the relay does besides passing lines on; each may take a while."""

    said: Callable[[], StartError]  # returns what libvirt has said of a failed start
    # Returns what is wrong with the node, "" if the job is at fault for its failed start
    judge: Callable[[StartError], str]
    can_hold: Callable[[], bool]  # returns whether the startd puts jobs on hold if it is asked to
    hold: Callable[[str, str], None]  # asks it to put a job, such as "12.0", on hold for a reason; "" for no longer
    full_disk: Callable[[], str]  # returns the policy for a guest that is paused because a disk is full
    reset_loop: Callable[[], str]  # returns the policy for a guest that resets over and over
    resets: Callable[[GuestWatch], list[str]]  # returns a command that prints a line for each event of the guest
    clean: Callable[[], None]  # removes what would disturb the vm-gahp's end
    destroy: Callable[[GuestWatch], None]  # destroys the guest
    note_start: Callable[[GuestWatch], None]  # writes into the journal that the guest has started
    note_end: Callable[[GuestWatch, End | None, bool], None]  # … has ended: how, if known; whether by HTCondor
    program_end: Callable[[], ProgramEnd | None]  # returns how the job's program has ended; None if it has none
    find_address: Callable[[GuestWatch], None]  # tells the user the guest's address, as soon as it has one
    report: Callable[[str], None]  # begins to tell the user, instead of what he has not heard yet
    is_told: Callable[[], bool]  # returns whether he has heard it, or will not hear it
    is_console_told: Callable[[], bool]  # returns whether he has heard what the guest, which has ended, has printed
    log: Callable[[str], None]  # tells the administrator
