"""The entries in the journal for a guest that has started, or ended, or not started."""

from __future__ import annotations

from .. import ad_text, journal, scratch_files
from ..job import Job, id_of_guest
from ..leftovers import guest_definition
from ..processes import user_name
from .guest_end import End
from .guest_watch import GuestWatch

# The values of the field `check` when a guest did not start
START, NODE = "start", "node"  # the job is at fault, or the node
_STOPPED, _NOT_KNOWN = "stopped", "not known"
_WORDS = {
    _STOPPED: "HTCondor has stopped it",
    _NOT_KNOWN: "libvirt does not say how",
    End.POWERED_OFF.name: "it has powered off",
}


def started(guest: GuestWatch, job: Job) -> None:
    """Write the entry for a guest that runs."""
    fields = _fields(guest, job)
    journal.send(journal.STARTED, f"job {fields['job']}: the guest {guest.status.name} has started", **fields)


def ended(guest: GuestWatch, job: Job, end: End | None, is_stopped: bool) -> None:
    """Write the entry for a guest that has ended. end: how, None if that is not known. is_stopped: by HTCondor."""
    how = _STOPPED if is_stopped else end.name if end else _NOT_KNOWN
    words = _WORDS.get(how) or (end.text if end else "")
    fields = _fields(guest, job)
    text = f"job {fields['job']}: the guest {guest.status.name} has ended: {words}"
    journal.send(journal.ENDED, text, end=how.lower().replace("_", "-"), **fields)


def refused(job: Job, check: str, text: str) -> None:
    """Write the entry for a guest that has not started. check: whose fault it is."""
    number, _ = ad_text.job(scratch_files.read(f"{job.scratch}/.job.ad", ad_text.LARGEST))
    journal.send(journal.REFUSED, f"job {number}: {text}", job=number, owner=user_name(job.uid), check=check)


def _fields(guest: GuestWatch, job: Job) -> dict[str, str]:
    images = guest_definition.images(guest.status.definition)
    return {
        "job": id_of_guest(guest.status.name),
        "owner": user_name(job.uid),
        "image": ", ".join(images),
        "guest": guest.status.name,
    }
