"""Start control guests: like a job's guest, but nothing of them is a job's, so only the node can be at fault.

They run as HTCondor's user, because a job's user could kill what runs as that user; on an empty disk in /run, because
jobs can fill the disk; one for each type of network that the node offers. If a job's guest was denied an image of the
site's, another one gets an overlay of it.
"""

from __future__ import annotations

import contextlib
import os

from ..failures import StageError
from ..guest_facts import GuestFacts
from ..host import Host
from ..installed import GUEST_FACTS
from ..job import Job
from ..policy.load import load
from . import node_trial, site_image, trial

_DENIED = "Permission denied"


def try_all(host: Host, facts: GuestFacts, image: str = "") -> str:
    """Start a control guest for each network. Returns why one does not start, "" if all do.

    image: that a job's guest could not open, "" for none.
    """
    try:
        with _place(host) as job:
            directory, file = trial.enter(job, trial.make_disk(job))
            starts = (
                trial.fault(trial.start(host, facts, network, job, directory, [file]))
                for network in facts.networks or [""]
            )
            fault = next(filter(None, starts), "")
    except (OSError, StageError) as error:
        return f"cannot prepare a control guest: {error}"
    return fault or (_why_closed(host, facts, image) if image else "")


def _why_closed(host: Host, facts: GuestFacts, image: str) -> str:
    """Return why no guest may read an image of the site's, although HTCondor's user may; "" if that is not so."""
    if not site_image.belongs(image, load().staging.image_dirs):
        return ""
    if host.run("test", "-r", image, user=host.job_user()).status != 0:
        return ""
    try:
        with _place(host) as job:
            directory, files = node_trial.prepare(host, job, facts, image)
            fault = trial.fault(trial.start(host, facts, "", job, directory, files))
    except (OSError, StageError):  # the image's fault, or that of somebody who has locked it
        return ""
    if _DENIED not in fault:
        return ""
    step = node_trial.label(image, facts.selinux).step if facts.selinux else ""
    # The step first: libvirt's words are long, and a user is told only so many characters
    return f"guests may not read {image}" + (f" ({step})" if step else "") + f": {fault}"


def _place(host: Host) -> contextlib.AbstractContextManager[Job]:
    return trial.place(os.path.dirname(GUEST_FACTS), "control-", trial.user_of(host))
