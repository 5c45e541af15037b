"""Watch a job's guest: notice at once that its QEMU has ended, and find out how."""

from __future__ import annotations

import os

from ..leftovers import guest_status
from ..leftovers.guest_status import GuestStatus
from . import guest_end
from .guest_end import End

# By the reasons of libvirt's virDomainPausedReason. It has none for QEMU's run state "internal-error"
_STANDSTILLS = {"ioerror": End.STUCK, "unknown": End.HALTED}


class GuestWatch:
    """A running guest. Its process is held by a descriptor, which becomes readable when the process has ended."""

    def __init__(self, status: GuestStatus, process: int, log_size: int) -> None:
        self.status = status
        self.process = process  # pidfd
        self._log_size = log_size
        self.is_alive = True  # whether QEMU runs, as far as is known

    def end(self) -> End | None:
        """Return how the guest has ended, None while libvirt does not say."""
        if self.is_alive or self._listed():
            return None
        return guest_end.read(self.status.name, self._log_size)

    @property
    def standstill(self) -> End | None:
        """Why QEMU has paused the guest; None if it runs, or HTCondor or an administrator has paused it."""
        return _STANDSTILLS.get(self.status.reason) if self.status.state == "paused" else None

    def refresh(self) -> None:
        """Look at the guest's state again."""
        self.status = self._listed() or self.status

    def _listed(self) -> GuestStatus | None:
        """Return the guest's state as libvirt has it now, None if libvirt has no such guest any more."""
        found = guest_status.of_name(self.status.name)
        return found if found and found.uuid == self.status.uuid else None


def find(starter: int, started: int) -> GuestWatch | None:
    """Return the guest of a starter's job, None while it has none. started: when the starter started."""
    status = guest_status.of_job(starter, started)
    if not status:
        return None
    log_size = guest_end.log_size(status.name)
    try:
        process = os.pidfd_open(status.pid)
    except OSError:  # it has ended just now, or not quite started
        return None
    again = guest_status.of_name(status.name)
    if again and (again.uuid, again.pid) == (status.uuid, status.pid):
        return GuestWatch(again, process, log_size)
    os.close(process)  # it may be another process by now
    return None
