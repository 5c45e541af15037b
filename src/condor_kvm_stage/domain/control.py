"""Start control guests: like a job's guest, but nothing of them is a job's, so only the node can be at fault.

They run as HTCondor's user, because a job's user could kill what runs as that user; on an empty disk in /run, because
jobs can fill the disk; one for each type of network that the node offers.
"""

from __future__ import annotations

import os

from ..failures import StageError
from ..guest_facts import GuestFacts
from ..host import Host
from ..installed import GUEST_FACTS
from . import trial


def try_all(host: Host, facts: GuestFacts) -> str:
    """Start a control guest for each network. Returns why one does not start, "" if all do."""
    try:
        with trial.place(os.path.dirname(GUEST_FACTS), "control-", trial.user_of(host)) as job:
            directory, file = trial.enter(job, trial.make_disk(job))
            starts = (
                trial.fault(trial.start(host, facts, network, job, directory, [file]))
                for network in facts.networks or [""]
            )
            return next(filter(None, starts), "")
    except (OSError, StageError) as error:
        return f"cannot prepare a control guest: {error}"
