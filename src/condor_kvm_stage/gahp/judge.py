"""After a failed start: is the job at fault, or the node? HTCondor blames the node, for every cause.

A control guest decides: one of ours, on which the job and its user have no influence. If it starts, the job is at
fault.
"""

from __future__ import annotations

import os
import re

from ..host import Host
from ..installed import BUILD_DOMAIN, TRY_GUESTS
from ..job import Job
from ..leftovers.private_dirs import SUFFIX
from ..processes import take_rights_of
from ..record import dataclass
from .start_error import StartError

# Seconds for the control guests. libvirt may have to start first, and looks at QEMU again if /dev/kvm has changed.
TRIAL_TIMEOUT = 200
_HIDDEN = 1  # exit status of a child
# What libvirt or QEMU says of a file that a guest may not open
_CLOSED = re.compile(r"'(/[^']+)'[^']*: Permission denied")


@dataclass(frozen=True)
class Verdict:
    """Who is at fault."""

    node: str  # what is wrong with the node, "" if the job is at fault
    until: tuple[str, ...] = ()  # for recovery.start(): what must be well again besides control guests


def judge(job: Job, host: Host, error: StartError) -> Verdict:
    """Try whether this node starts guests at all. error: of the job's guest."""
    hidden = _hidden(job)
    if hidden:
        return Verdict(hidden, (str(job.uid), str(job.gid)))
    if error.node:
        return Verdict(error.node)
    closed = tuple(_CLOSED.findall(error.text)[:1])
    answer = host.run(BUILD_DOMAIN, TRY_GUESTS, *closed, timeout=TRIAL_TIMEOUT)
    return Verdict("") if answer.status == 0 else Verdict(answer.output.strip() or answer.reason, closed)


def _hidden(job: Job) -> str:
    """Return why the job's user, and so QEMU, cannot reach the job's disks, "" if that is not so.

    The disks' directory and those above it belong to root and HTCondor.
    """
    directory = job.scratch + SUFFIX
    if not os.path.isdir(directory) or reaches(job.uid, job.gid, directory):  # or the builder has not come that far
        return ""
    return f"the job's user cannot reach {directory}"


def reaches(uid: int, gid: int, directory: str) -> bool:
    """Return whether a user may look for files in a directory, as far as is known: False puts the node at fault.

    The user's other processes must not be able to end the child, or stop it.
    """
    child = os.fork()
    if child == 0:
        status = 0
        try:
            take_rights_of(uid, gid)
            status = 0 if _is_there(f"{directory}/.") else _HIDDEN
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != _HIDDEN


def _is_there(path: str) -> bool:
    try:
        os.stat(path)
    except OSError:
        return False
    return True
