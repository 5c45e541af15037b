"""The entry in the journal for a disk that was staged or refused. It is the job's user who writes it."""

import posix

from .. import ad_text, journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..failures import Failure

_JOB_AD = b"_CONDOR_JOB_AD"  # HTCondor names the file with the job's ad


def write(image: str, failure: "Failure | None") -> None:
    """Write the entry, if this runs for a job. image: its path, or the URL if that is not understood."""
    path = posix.environ.get(_JOB_AD)
    if not path:
        return
    job, owner = ad_text.job(_read(path))
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
