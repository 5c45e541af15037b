"""Have the startd put a job on hold with a reason: the snippet's policy reads it from attributes of the slots.

They are in all slots' ads. The slot's name is in their names, and one of them names the job, so that they say nothing
to any other job. They count for a short time only, in case this process cannot withdraw them.
"""

from __future__ import annotations

import os
import re
import time

from ..host import Host
from ..installed import HOLD_ATTRIBUTE, HOLD_SETTINGS
from ..text import ad_string

_VALID = 90  # seconds
_TIMEOUT = 20  # seconds for a command of HTCondor


def is_possible(host: Host) -> bool:
    """Return whether the startd would do it. Later settings of the site's may have replaced those of the snippet."""
    if not _slot():
        return False
    found = [host.run("condor_config_val", name, timeout=_TIMEOUT) for name in HOLD_SETTINGS]
    return all(answer.status == 0 and HOLD_ATTRIBUTE in answer.output for answer in found)


def ask(host: Host, job: str, reason: str) -> bool:
    """Ask for a job, such as "12.0", in the slot of this process. reason: "" for no longer. Returns if it was heard."""
    until = int(time.time()) + _VALID if reason else 0
    values = {"Until": str(until), "Job": ad_string(job if reason else ""), "Reason": ad_string(reason)}
    given = "".join(f"{HOLD_ATTRIBUTE}{name}_{_slot()} = {value}\n" for name, value in values.items())
    return host.start("condor_update_machine_ad", timeout=_TIMEOUT, given=given)().status == 0


def _slot() -> str:
    """Return the slot's name, "" if it does not fit into an attribute's."""
    name = os.environ.get("_CONDOR_SLOT", "")
    return name if re.fullmatch(r"[A-Za-z0-9_]+", name) else ""
