"""The entry in the journal for a disk that was staged or refused. It is the job's user who writes it."""

import posix

from .. import ad_text, journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..failures import Failure

_JOB_AD = b"_CONDOR_JOB_AD"  # HTCondor names the file with the job's ad


def job() -> "tuple[str, str] | None":
    """Return the job's id and its user's name, as ad_text.job() does; None if this does not run for a job."""
    path = posix.environ.get(_JOB_AD)
    return ad_text.job(_read(path)) if path else None


def write(of_job: "tuple[str, str] | None", image: str, failure: "Failure | None") -> None:
    """Write the entry, if this runs for a job: see job(). image: its path, or the URL if that is not understood."""
    if of_job is None:
        return
    job, owner = of_job
    if failure is None:
        journal.send(journal.STAGED, f"job {job}: staged {image}", job=job, owner=owner, image=image)
    else:
        check = failure.check or failure.error_type  # one without a check is one of a kind
        journal.send(journal.REFUSED, f"job {job}: {failure}", job=job, owner=owner, image=image, check=check)


def _read(path: bytes) -> bytes:
    try:
        file = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC)
        try:
            return posix.read(file, ad_text.LARGEST)
        finally:
            posix.close(file)
    except OSError:
        return b""
