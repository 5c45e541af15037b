"""Build the result ad for one file (HTCondor's manual, "The Output File" and "Transfer Error Data")."""

import errno
import time

from .. import __version__
from ..failures import AuthorizationError, Failure, ParameterError, ResolutionError, TransferError
from ..text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Ad = dict[str, Any]

_FAILURE_TYPES = {errno.ENOSPC: "NoSpace", errno.EDQUOT: "Quota", errno.ETIMEDOUT: "TimedOut"}


def ad(remote: str, local: str, uploading: bool, started: int, size: int, failure: "Failure | None") -> "Ad":
    """Return the result ad. started: seconds since the epoch; size: bytes; failure: None if the transfer succeeded."""
    result: Ad = {
        "TransferUrl": remote,
        "TransferFileName": local,
        "TransferProtocol": "nfs",
        "TransferType": "upload" if uploading else "download",
        "TransferSuccess": failure is None,
        "TransferTotalBytes": size,
        "TransferFileBytes": size,
        "TransferStartTime": started,
        "TransferEndTime": int(time.time()),
    }
    if failure is not None:
        result["TransferError"] = _hold_reason(str(failure))
        result["TransferErrorData"] = [_error_data(failure)]
    return result


def _hold_reason(message: str) -> str:
    """Return a message in a form that HTCondor can use as the hold reason.

    HTCondor 23 drops text that follows a semicolon, 23 and 25 drop text that follows two bars; with a line break in it,
    25 does not put the job on hold at all. TransferErrorData has the unchanged message.
    """
    return "| ".join(printable(message).replace(";", ",").split("|"))


def _error_data(failure: Failure) -> "Ad":
    data: Ad = {
        "ErrorType": failure.error_type,
        "ErrorCode": failure.status,
        "ErrorString": str(failure),
        "Retryable": failure.retryable,
        "DeveloperData": _developer_data(failure),
    }
    if failure.error_type == ParameterError.error_type:
        data.update(PluginVersion=__version__, PluginLaunched=True)
    elif isinstance(failure, ResolutionError):
        data.update(FailedName=failure.server, FailureType="Definitive")
    else:
        data["FailedServer"] = failure.server
    if isinstance(failure, AuthorizationError):
        data.update(FailureType="Authorization", ShouldRefresh=False)
    elif isinstance(failure, TransferError):
        data["FailureType"] = _FAILURE_TYPES.get(failure.code, "Unknown")  # as in HTCondor's curl_plugin
    return data


def _developer_data(failure: Failure) -> "Ad":
    data: Ad = {"Step": failure.step or "request"}
    if failure.check:
        data["Check"] = failure.check
    if failure.code:
        data.update(Errno=failure.code, ErrnoName=errno.errorcode.get(failure.code, ""))
    if failure.detail:
        data["QemuImg"] = failure.detail
    return data
