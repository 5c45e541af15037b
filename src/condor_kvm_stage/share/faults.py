"""What an errno from a share means to the job's user: missing, forbidden, or a fault of the share."""

import errno
import posix

from ..failures import FORBIDDEN, NOT_THERE, AuthorizationError, ContactError, SpecificationError, StageError


def on_share(error: OSError, path: str, doing: str, refused: "StageError | None" = None) -> StageError:
    """Return the failure for an errno. Can hang: a share that refuses is asked whether it is for want of a ticket.

    path: absolute, where the errno came from. doing: what could not be done, for example "open image /srv/x.qcow2".
    refused: the failure if the share refuses, and a ticket would not change that; None for a general one.
    """
    from . import tickets

    wanted = tickets.refusal(error, path, doing)
    if wanted:
        return wanted
    code = error.errno or 0
    host = posix.uname().nodename
    problem = f"cannot {doing}: {error.strerror}"
    if code in NOT_THERE:
        return SpecificationError(
            f"{problem}; check the path in the submit file, and that the share is mounted on {host}", code=code
        )
    if code in FORBIDDEN:
        return refused or AuthorizationError(
            f"{problem}; let the job's user (uid {posix.geteuid()}) read the file and search every directory above it "
            "(chmod, setfacl)",
            code=code,
        )
    if code == errno.ESTALE:
        return ContactError(
            f"{problem}: the share has gone stale on {host}, or the file was replaced on the server just now; "
            "try again; if that fails too, ask the administrator to remount the share",
            code=code,
        )
    return ContactError(f"{problem}; the share has a fault on {host}: tell its administrator", code=code)
