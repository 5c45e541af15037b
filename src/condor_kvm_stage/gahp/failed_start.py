"""What becomes of a job whose guest has not started: it goes on hold with the reason, or the node is at fault.

HTCondor's starter puts a job on hold after few results of a start, and the result is all that it then says. The startd
puts running jobs on hold, with any reason, by its policy (WANT_HOLD). So the starter is told that the guest has
started, and then the startd is asked to put the job on hold; meanwhile the stand-in says that the guest runs.
"""

from __future__ import annotations

import math
import time

from .conversation import Conversation
from .duties import Duties
from .lines import word

HOLD_TIMEOUT = 90  # seconds for the startd to put the job on hold
_STARTED = b"0 1"
# After these results of a start HTCondor puts the job on hold, and does not blame the node
_HOLDS_JOB = (
    b"VMGAHP_ERR_JOBCLASSAD_NO_VM_MEMORY_PARAM",
    b"VMGAHP_ERR_JOBCLASSAD_MISMATCHED_HARDWARE_VT",
    b"VMGAHP_ERR_JOBCLASSAD_KVM_NO_DISK_PARAM",
    b"VMGAHP_ERR_JOBCLASSAD_KVM_INVALID_DISK_PARAM",
    b"VMGAHP_ERR_JOBCLASSAD_KVM_MISMATCHED_CHECKPOINT",
    b"VMGAHP_ERR_BAD_IMAGE",
)


class FailedStart:
    """A start that may have failed."""

    def __init__(self, duties: Duties, talk: Conversation) -> None:
        self.cause = ""  # what is known of it besides what libvirt says
        self._duties = duties
        self._talk = talk
        self._reason = ""  # why the job is to go on hold, "" if it is not, or HTCondor does it by itself
        self._asked = 0.0  # when the startd was asked to put the job on hold, 0 if it was not

    @property
    def wants_hold(self) -> bool:
        """Whether the startd is to put the job on hold."""
        return bool(self._reason)

    def outcome(self, value: bytes) -> bytes:
        """Return what the starter is told. value: what the vm-gahp said, b"" if it died.

        A node's fault is passed on in words: they come into the job's event log, and into the slots' VMOfflineReason.
        """
        said = self._duties.said() or self.cause
        if value not in _HOLDS_JOB:
            fault = self._duties.judge()
            if fault:
                return b"1 " + word(fault)
            said = said or "libvirt has not said why"
        if said and self._talk.job and self._duties.can_hold():
            self._reason = f"the virtual machine has not started: {said}"
            return _STARTED
        return b"1 " + (value if value in _HOLDS_JOB else _HOLDS_JOB[-1])

    def pause(self) -> float:
        """Return the seconds until waits_in_vain() must be called again."""
        return 1.0 if self._reason else math.inf

    def waits_in_vain(self) -> bool:
        """Have the job put on hold, now that the starter serves the startd. Returns whether that has not happened."""
        if not self._reason:
            return False
        if not self._asked:
            self._asked = time.monotonic()
            self._duties.report(self._reason)
            self._duties.hold(self._talk.job, self._reason)
        if time.monotonic() < self._asked + HOLD_TIMEOUT:
            return False
        self._duties.log("the startd has not put the job on hold; it runs again")
        return True

    def forget(self) -> None:
        """Withdraw what the startd was asked."""
        if self._asked:
            self._duties.hold(self._talk.job, "")
