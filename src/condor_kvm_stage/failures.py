"""Why a file was not transferred: one exception class per kind of failure, with its exit status.

The kinds are those in HTCondor's manual, "Transfer Error Data". The exit statuses are those of sysexits.h: HTCondor
reserves the small ones (2 once meant "refresh the credentials"), and shells those above 125.
"""

import errno
import posix

from .errors import KvmStageError
from .text import printable

SCRATCH = "the scratch directory"  # in messages

OK = 0
BUG = posix.EX_SOFTWARE

# Values of `retryable`
NEVER = -1  # another attempt will not help
AT_ONCE = 0


class Failure(KvmStageError):
    """A file could not be transferred, or a program has a bug."""

    status: int  # exit status
    error_type: str  # HTCondor's ErrorType
    retryable = NEVER  # seconds until another attempt may help; HTCondor only logs it (so far)

    def __init__(self, message: str, check: str = "", code: int = 0, detail: str = "") -> None:
        super().__init__(message)
        self.check = check  # name of the check that failed, "" if none did
        self.code = code  # errno, 0 if there is none
        self.detail = detail  # output of another program, "" if none was involved
        # Set by the code that catches it:
        self.step = ""  # in which it happened, "" before the first one
        self.server = ""  # that has the file, for HTCondor's records


class StageError(Failure):
    """A file could not be transferred, and a user or administrator can act on it."""


class ParameterError(StageError):
    """The job's request is malformed or impossible: the URL, an option, a name that is taken."""

    status = posix.EX_USAGE
    error_type = "Parameter"


class SpecificationError(StageError):
    """The image does not exist, or must not be used as a disk."""

    status = posix.EX_DATAERR
    error_type = "Specification"


class ResolutionError(StageError):
    """The server in the URL is not mounted on this node."""

    status = posix.EX_NOHOST
    error_type = "Resolution"
    retryable = AT_ONCE


class ContactError(StageError):
    """The share does not answer or reports a fault, or the image is locked."""

    status = posix.EX_UNAVAILABLE
    error_type = "Contact"
    retryable = 300


class BugError(Failure):
    """An unexpected exception. Its traceback is on stderr."""

    status = BUG
    error_type = "Parameter"  # "this will typically mean … a plug-in bug"


class TransferError(StageError):
    """The transfer started but could not be completed."""

    status = posix.EX_IOERR
    error_type = "Transfer"
    retryable = AT_ONCE


class AuthorizationError(StageError):
    """The file's permissions or the site's policy do not allow it."""

    status = posix.EX_NOPERM
    error_type = "Authorization"


class NodeError(StageError):
    """This node is not set up correctly. Another one may be."""

    status = posix.EX_CONFIG
    error_type = "Parameter"
    retryable = AT_ONCE


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

NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
FORBIDDEN = (errno.EACCES, errno.EPERM)
EXPIRED = (errno.EKEYEXPIRED, errno.EKEYREVOKED, errno.EKEYREJECTED, errno.ENOKEY)  # a Kerberos ticket, in use


def bug(error: BaseException, program: str) -> BugError:
    """Return the failure to report for an unexpected exception. program: the one that has the bug."""
    return BugError(f"bug in {program}, please report it: {type(error).__name__}: {printable(str(error))}")
