"""The protocol's transfers: from what HTCondor asks for to what it is told, whatever happens in between.

HTCondor's manual, "File Transfer Plug-Ins": one result for each file, also after a failure; the out-file is
pre-allocated with blanks, so that a full disk can still be reported, and is written over, never truncated.
"""

import posix
import sys
import time

from .. import classad_reader, classad_writer
from ..errors import KvmStageError
from ..failures import OK, Failure, ParameterError, bug
from ..share import watchdog
from ..text import printable
from . import publish, result_ad, url, work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .result_ad import Ad


_PROGRAM = "vm-nfs-plugin"  # in messages about a bug


class Run:
    """One run of the plug-in, with one child for all its files."""

    def __init__(self, uploading: bool) -> None:
        self.uploading = uploading
        self.watchdog = watchdog.Watchdog(work.prepare, _PROGRAM)

    def transfer(self, remote: "str | None", local: "str | None") -> "tuple[int, Ad]":
        """Transfer one file. Returns an exit status and the result ad for HTCondor.

        remote: the URL. local: the path that HTCondor has for the file; to stage, the overlay is put beside it, under
        the name in the URL. None stands for what is no string literal in HTCondor's ad.
        """
        started = int(time.time())
        size, failure = 0, None
        try:
            if remote is None or not local:
                missing = "which URL (Url)" if remote is None else "where the file is (LocalFileName)"
                raise ParameterError(f"HTCondor did not say, as a string, {missing}; report this to its administrator")
            size = self._transfer(remote, _absolute(local))
        except Failure as error:
            failure = error
        except Exception as error:
            # Loud: with its own exit status, the type in the hold reason, the traceback on stderr. Yet every file gets
            # a result, for without one HTCondor has nothing better to tell the user than the exit status.
            sys.excepthook(type(error), error, error.__traceback__)
            failure = bug(error, _PROGRAM)
        result = result_ad.ad(remote or "", local or "", self.uploading, started, size, failure)
        return (failure.status if failure else OK), result

    def _transfer(self, remote: str, local: str) -> int:
        wanted = url.parse_upload(remote, local.rpartition("/")[2]) if self.uploading else url.parse_stage(remote)
        doing = ("upload to " if self.uploading else "stage ") + printable(remote)

        def cleanup(pid: int) -> None:
            if isinstance(wanted, url.StageUrl):  # the share would not answer us either; the next upload cleans up
                publish.discard(work.directory_of(local), wanted.name, pid)

        try:
            size: int = self.watchdog.call((vars(wanted), local, self.uploading), doing, cleanup)
            return size
        except Failure as error:
            from ..share import mounts  # for failures only

            error.server = wanted.server or mounts.server_of(wanted.path)
            raise


def _absolute(path: str) -> str:
    """HTCondor's paths are absolute; of one that calls this by hand it may be another."""
    if path.startswith("/"):
        return path
    import os

    return os.path.abspath(path)


def run_files(infile: str, outfile: str, uploading: bool) -> int:
    """Transfer each file named in `infile` and write the results into `outfile`. Returns the first failure's status.

    Raises OSError if the out-file does not take the results.
    """
    first_failure = OK
    run = Run(uploading)
    with open(posix.open(outfile, posix.O_RDWR | posix.O_CREAT | posix.O_CLOEXEC, 0o644), "r+b") as out:
        try:
            with open(infile, "rb") as stream:
                ads = classad_reader.read_ads(stream.read())
        except (KvmStageError, OSError) as error:
            # No file to answer for, but an ad without a name still brings the message into the hold reason.
            reason = error.strerror if isinstance(error, OSError) else error
            failure = ParameterError(f"cannot read the list of files, {printable(infile)}: {reason}")
            out.write(classad_writer.write_ad(result_ad.ad("", "", uploading, int(time.time()), 0, failure)))
            return failure.status
        for ad in ads:
            if "url" not in ad and "localfilename" not in ad:
                continue  # protocol 4: what the job says to the plug-in (nfs_PluginData), not a file
            status, result = run.transfer(ad.get("url"), ad.get("localfilename"))
            out.write(classad_writer.write_ad(result))
            out.flush()  # at once: what was done is reported even if the next file kills the plug-in
            first_failure = first_failure or status
    return first_failure
