"""What becomes of a job whose guest has not started: it goes on hold with the reason, or the node is at fault.

HTCondor's starter puts a job on hold after few results of a start, and the result is all that it then says. The startd
puts running jobs on hold, with any reason, by its policy (WANT_HOLD). So the starter is told that the guest has
started, and then the startd is asked to put the job on hold; meanwhile the stand-in says that the guest runs.
"""

from __future__ import annotations

from .duties import Duties
from .hold_request import HoldRequest
from .lines import word

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

    def __init__(self, duties: Duties, hold: HoldRequest) -> None:
        self.cause = ""  # what is known of it besides what libvirt says
        self._duties = duties
        self._hold = hold

    def outcome(self, value: bytes) -> bytes:
        """Return what the starter is told. value: what the vm-gahp said, b"" if it died.

        A node's fault is passed on in words: they come into the job's event log, and into the slots' VMOfflineReason.
        """
        error = self._duties.said()
        said = error.text or self.cause
        if value not in _HOLDS_JOB:
            fault = self._duties.judge(error)
            if fault:
                return b"1 " + word(fault)
            said = said or "libvirt has not said why"
        if said and self._hold.make(f"the virtual machine has not started: {said}"):
            return _STARTED
        return b"1 " + (value if value in _HOLDS_JOB else _HOLDS_JOB[-1])
