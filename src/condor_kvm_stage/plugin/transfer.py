"""The protocol's transfers: from what HTCondor asks for to what it is told, whatever happens in between.

HTCondor's manual, "File Transfer Plug-Ins": one result for each file, also after a failure; the out-file is
pre-allocated with blanks, so that a full disk can still be reported, and is written over, never truncated.
"""

import os
import sys
import time

from ..errors import KvmStageError, printable
from . import classad, overlay, url

OK = 0
FAILED = 1  # at least one file could not be staged; its message says why
BUG = os.EX_SOFTWARE


def download(source: str, destination: str) -> "tuple[int, dict[str, classad.Value]]":
    """Stage the URL `source`. HTCondor wants a file at `destination`; the overlay is put beside it, under its own name.

    Returns an exit status and the result ad: attributes as in HTCondor's manual, times in seconds since the epoch.
    """
    started = int(time.time())
    status, message, size = OK, "", 0
    try:
        wanted = url.parse(source)
        if not destination:
            raise KvmStageError(f"{printable(source)}: HTCondor did not say where to put it (no LocalFileName)")
        size = overlay.stage(wanted, os.path.dirname(os.path.abspath(destination)))
    except KvmStageError as error:
        status, message = FAILED, str(error)
    except Exception as error:
        # Loud: with its own exit status, the type in the hold reason, the traceback on stderr. Yet every file gets
        # a result, for without one HTCondor has nothing better to tell the user than the exit status.
        sys.excepthook(type(error), error, error.__traceback__)
        status, message = (
            BUG,
            f"bug in vm-nfs-plugin, please report it: {type(error).__name__}: {printable(str(error))}",
        )
    result: dict[str, classad.Value] = {
        "TransferUrl": source,
        "TransferFileName": destination,
        "TransferProtocol": "nfs",
        "TransferType": "download",
        "TransferSuccess": status == OK,
        "TransferTotalBytes": size,
        "TransferFileBytes": size,
        "TransferStartTime": started,
        "TransferEndTime": int(time.time()),
    }
    if status != OK:
        result["TransferError"] = message
    return status, result


def upload(source: str, destination: str) -> "tuple[int, dict[str, classad.Value]]":
    """Refuse to send the file `source` to the URL `destination`. Returns as download() does."""
    message = (
        f"{printable(destination)}: vm-nfs-plugin does not upload; let HTCondor transfer the output to the submitter"
    )
    return FAILED, {
        "TransferUrl": destination,
        "TransferFileName": source,
        "TransferProtocol": "nfs",
        "TransferType": "upload",
        "TransferSuccess": False,
        "TransferError": message,
    }


def run_files(infile: str, outfile: str, uploading: bool) -> int:
    """Transfer each file named in `infile` and write the results into `outfile`. Returns the first failure's status."""
    first_failure = OK
    with open(os.open(outfile, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+b") as out:
        try:
            with open(infile, "rb") as stream:
                ads = classad.read_ads(stream.read())
        except (KvmStageError, OSError) as error:
            # No file to answer for, but an ad without a name still brings the message into the hold reason.
            reason = error.strerror if isinstance(error, OSError) else error
            message = f"cannot read the list of files, {printable(infile)}: {reason}"
            out.write(classad.write_ad({"TransferSuccess": False, "TransferUrl": "", "TransferError": message}))
            return FAILED
        for ad in ads:
            remote, local = ad.get("url", ""), ad.get("localfilename", "")
            status, result = upload(local, remote) if uploading else download(remote, local)
            out.write(classad.write_ad(result))
            out.flush()  # at once: what was done is reported even if the next file kills the plug-in
            first_failure = first_failure or status
    return first_failure
