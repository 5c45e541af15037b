"""The entry in the journal for a job that the hook or the builder refuses."""

from __future__ import annotations

from .. import ad_text, journal
from ..failures import Failure
from ..processes import user_name


def refused(ad: bytes, user: str, error: Exception) -> None:
    """Write the entry. ad: the job's, as HTCondor gave it. user: the job's user's id, as text; "" if not known."""
    job, _ = ad_text.job(ad)
    check = (error.check or error.error_type) if isinstance(error, Failure) else type(error).__name__
    owner = user_name(int(user)) if user.isdecimal() else ""
    journal.send(journal.REFUSED, f"job {job}: {error}", job=job, owner=owner, check=check)
