"""After a failed start: is the job at fault, or the node? HTCondor blames the node, for every cause.

A control guest decides: one of ours, on which the job and its user have no influence. If it starts, the job is at
fault.
"""

from __future__ import annotations

import os

from ..host import Host
from ..installed import BUILD_DOMAIN, TRY_GUESTS
from ..job import Job
from ..leftovers.private_dirs import SUFFIX
from ..processes import become_user
from ..record import dataclass

# Seconds for the control guests. libvirt may have to start first, and looks at QEMU again if /dev/kvm has changed.
TRIAL_TIMEOUT = 200


@dataclass(frozen=True)
class Verdict:
    """Who is at fault."""

    node: str  # what is wrong with the node, "" if the job is at fault
    hides: bool = False  # whether that is that users cannot reach their jobs' directories


def judge(job: Job, host: Host) -> Verdict:
    """Try whether this node starts guests at all."""
    hidden = _hidden(job)
    if hidden:
        return Verdict(hidden, hides=True)
    answer = host.run(BUILD_DOMAIN, TRY_GUESTS, timeout=TRIAL_TIMEOUT)
    return Verdict("" if answer.status == 0 else answer.output.strip() or answer.reason)


def _hidden(job: Job) -> str:
    """Return why the job's user, and so QEMU, cannot reach the job's disks, "" if that is not so.

    The disks' directory and those above it belong to root and HTCondor.
    """
    directory = job.scratch + SUFFIX
    if not os.path.isdir(directory) or reaches(job.uid, job.gid, directory):  # or the builder has not come that far
        return ""
    return f"the job's user cannot reach {directory}"


def reaches(uid: int, gid: int, directory: str) -> bool:
    """Return whether a user may look for files in a directory."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            become_user(uid, gid)
            os.stat(f"{directory}/.")
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0
