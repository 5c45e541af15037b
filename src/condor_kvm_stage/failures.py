"""Why a file was not transferred: an exception for each kind of failure. It knows the plug-in's exit status.

The kinds are those of HTCondor's manual, "Transfer Error Data". The exit statuses are those of sysexits.h, because
HTCondor keeps the small ones for itself (2 once meant "refresh the credentials"), and a shell those above 125.
"""

import errno
import posix

from .errors import KvmStageError
from .text import printable

SCRATCH = "the scratch directory"  # in messages

OK = 0
BUG = posix.EX_SOFTWARE


class Failure(KvmStageError):
    """A file could not be transferred, or a program has a bug.

    check: the name of the check that failed, "" if none did. code: the errno, 0 if there is none. detail: what another
    program said. Set by who catches it: step, in which it happened; server, whose file it is, for HTCondor's records.
    """

    status: int
    error_type: str
    # seconds until another attempt may help, -1 for never; HTCondor logs it and does not act on it (yet)
    retryable = -1

    def __init__(self, message: str, check: str = "", code: int = 0, detail: str = "") -> None:
        super().__init__(message)
        self.check = check
        self.code = code
        self.detail = detail
        self.step = ""
        self.server = ""


class StageError(Failure):
    """A file could not be transferred, and somebody can do something about it."""


class ParameterError(StageError):
    """What the job asks for is malformed or impossible: the URL, an option, a name that is taken."""

    status = posix.EX_USAGE
    error_type = "Parameter"


class SpecificationError(StageError):
    """There is no such image, or it is one that must not become a disk."""

    status = posix.EX_DATAERR
    error_type = "Specification"


class ResolutionError(StageError):
    """No mount of this node leads to the server in the URL."""

    status = posix.EX_NOHOST
    error_type = "Resolution"
    retryable = 0


class ContactError(StageError):
    """The share does not answer, or has a fault; or a program has the image open for writing."""

    status = posix.EX_UNAVAILABLE
    error_type = "Contact"
    retryable = 300


class BugError(Failure):
    """Something happened that nobody thought of. Its traceback is on stderr."""

    status = BUG
    error_type = "Parameter"  # "this will typically mean … a plug-in bug"


class TransferError(StageError):
    """It began, and did not come to its end."""

    status = posix.EX_IOERR
    error_type = "Transfer"
    retryable = 0


class AuthorizationError(StageError):
    """The file's permissions, or the site's policy, do not allow it."""

    status = posix.EX_NOPERM
    error_type = "Authorization"


class NodeError(StageError):
    """This node is not set up as it should be. Another one may be."""

    status = posix.EX_CONFIG
    error_type = "Parameter"
    retryable = 0


_KINDS = (
    ParameterError,
    SpecificationError,
    ResolutionError,
    ContactError,
    BugError,
    TransferError,
    AuthorizationError,
    NodeError,
)
BY_STATUS = {kind.status: kind for kind in _KINDS}

_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
_FORBIDDEN = (errno.EACCES, errno.EPERM)


def bug(error: BaseException, program: str) -> BugError:
    """Return what the user is told of an exception that nobody thought of. program: the one that has the bug."""
    return BugError(f"bug in {program}, please report it: {type(error).__name__}: {printable(str(error))}")


def on_share(error: OSError, doing: str) -> StageError:
    """Return the failure that an errno from the share means: not there, forbidden, or a fault of the share.

    doing: what could not be done, as "open image /srv/x.qcow2".
    """
    code = error.errno or 0
    host = posix.uname().nodename
    said = f"cannot {doing}: {error.strerror}"
    if code in _NOT_THERE:
        return SpecificationError(
            f"{said}; check the path in the submit file, and that the share is mounted on {host}", code=code
        )
    if code in _FORBIDDEN:
        return AuthorizationError(
            f"{said}; let the job's user (uid {posix.geteuid()}) and all others do it: "
            "chmod o+r the file, chmod o+x every directory above it",
            code=code,
        )
    if code == errno.ESTALE:
        return ContactError(
            f"{said}: the share has gone stale on {host}, or the file was replaced on the server just now; "
            "try again, and tell the administrator to mount the share anew if that fails too",
            code=code,
        )
    return ContactError(f"{said}; the share has a fault on {host}: tell its administrator", code=code)


def on_writing(error: OSError, path: str, where: str) -> StageError:
    """Return the failure that an errno means while a file is written. where: as "the scratch directory"."""
    code = error.errno or 0
    place = f"{where} on {posix.uname().nodename}"
    said = f"cannot write {printable(path)}: {error.strerror}"
    if code == errno.ENOSPC:
        more = "ask for more with request_disk" if where == SCRATCH else "ask its administrator for more"
        return TransferError(f"{said}; {place} is full: {more}, or free some", code=code)
    if code == errno.EDQUOT:
        return TransferError(f"{said}; the quota of {place} is used up: free some, or ask for more", code=code)
    if code == errno.EROFS:
        return TransferError(f"{said}; {place} is mounted read-only: tell its administrator", code=code)
    if code in _FORBIDDEN:
        return AuthorizationError(
            f"{said}; the job's user (uid {posix.geteuid()}) may not write into {place}: ask its owner", code=code
        )
    if code in _NOT_THERE:
        return SpecificationError(f"{said}; check the path, and {place}", code=code)
    if code in (errno.ESTALE, errno.EIO, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENOTCONN):
        return ContactError(f"{said}; {place} has a fault: tell its administrator", code=code)
    return TransferError(f"{said}; check {place}", code=code)
