"""What an errno from a share, or from the scratch directory, means to the job's user."""

import errno
import posix

from ..failures import (
    FORBIDDEN,
    NOT_THERE,
    SCRATCH,
    AuthorizationError,
    ContactError,
    SpecificationError,
    StageError,
    TransferError,
)
from ..text import printable


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


def on_writing(error: OSError, path: str, where: str) -> StageError:
    """Return the failure for an errno from writing a file; can hang, like on_share().

    path: absolute, of the file. where: for example "the scratch directory".
    """
    from . import tickets

    wanted = tickets.refusal(error, path, f"write {printable(path)}")
    if wanted:
        return wanted
    code = error.errno or 0
    location = f"{where} on {posix.uname().nodename}"
    problem = f"cannot write {printable(path)}: {error.strerror}"
    if code == errno.ENOSPC:
        more = "ask for more with request_disk" if where == SCRATCH else "ask its administrator for more"
        return TransferError(f"{problem}; {location} is full: {more}, or free some", code=code)
    if code == errno.EDQUOT:
        return TransferError(f"{problem}; the quota of {location} is used up: free some, or ask for more", code=code)
    if code == errno.EROFS:
        return TransferError(
            f"{problem}; {location} is mounted or exported read-only: tell its administrator", code=code
        )
    if code in FORBIDDEN:
        return AuthorizationError(
            f"{problem}; the job's user (uid {posix.geteuid()}) may not write into {location}: ask its owner", code=code
        )
    if code in NOT_THERE:
        return SpecificationError(f"{problem}; check the path, and {location}", code=code)
    if code in (errno.ESTALE, errno.EIO, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENOTCONN):
        return ContactError(f"{problem}; {location} has a fault: tell its administrator", code=code)
    return TransferError(f"{problem}; check {location}", code=code)
