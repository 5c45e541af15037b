"""After a failed start: is the job at fault, or the node? HTCondor blames the node, for every cause.

A control guest decides: one of ours, on which the job and its user have no influence. If it starts, the job is at
fault.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..host import Host
from ..installed import BUILD_DOMAIN, TRY_GUESTS
from ..job import Job
from ..leftovers.private_dirs import SUFFIX
from ..processes import become_user

# Seconds for the control guests. libvirt may have to start first, and looks at QEMU again if /dev/kvm has changed.
TRIAL_TIMEOUT = 200


@dataclass(frozen=True)
class Verdict:
    """Who is at fault."""

    node: str  # what is wrong with the node, "" if the job is at fault


def judge(job: Job, host: Host) -> Verdict:
    """Try whether this node starts guests at all."""
    hidden = _hidden(job)
    if hidden:
        return Verdict(hidden)
    answer = host.run(BUILD_DOMAIN, TRY_GUESTS, timeout=TRIAL_TIMEOUT)
    return Verdict("" if answer.status == 0 else answer.output.strip() or answer.reason)


def _hidden(job: Job) -> str:
    """Return why the job's user, and so QEMU, cannot reach the job's disks, "" if that is not so.

    The disks' directory and those above it belong to root and HTCondor.
    """
    if not os.path.isdir(job.scratch + SUFFIX):  # the builder has not come that far
        return ""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            become_user(job.uid, job.gid)
            os.stat(f"{job.scratch}{SUFFIX}/.")
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    return f"the job's user cannot reach {job.scratch}{SUFFIX}" if status else ""
