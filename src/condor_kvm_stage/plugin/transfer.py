"""Carry out the transfers that HTCondor requests, and return a result for each one, also after failures and bugs.

See HTCondor's manual, "File Transfer Plug-Ins". The out-file is pre-allocated with blanks, so that a full disk can
still be reported; it is overwritten, never truncated. HTCondor 23.0 to 23.3 passes the one of an earlier run again.
"""

import posix
import sys
import time

from .. import classad_reader, classad_writer
from ..errors import KvmStageError
from ..failures import OK, Failure, ParameterError, bug
from ..share import watchdog
from ..text import printable
from . import journal_entry, publish, result_ad, url, work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .result_ad import Ad


_PROGRAM = "vm-nfs-plugin"  # in messages about a bug
_BLOCK = 4096  # bytes: no file system has smaller holes, as a rule
_BLANKS = b" \n\0"  # a hole is read as NULs


class Run:
    """One run of the plug-in, with one child for all its files."""

    def __init__(self, uploading: bool) -> None:
        self.uploading = uploading
        self.watchdog = watchdog.Watchdog(work.prepare, _PROGRAM)
        self.path = ""  # of the image or file on the share, "" while it is not known
        self.job = None if uploading else journal_entry.job()  # read once, for all disks

    def transfer(self, remote: "str | None", local: "str | None") -> "tuple[int, Ad]":
        """Transfer one file. Returns an exit status and the result ad for HTCondor.

        remote: the URL. local: HTCondor's path for the file; an overlay goes into the same directory, under the
        name in the URL. Either is None if HTCondor's ad does not have it as a string literal.
        """
        started = int(time.time())
        size, failure = 0, None
        self.path = ""
        try:
            if remote is None or not local:
                missing = "which URL (Url)" if remote is None else "where the file is (LocalFileName)"
                raise ParameterError(f"HTCondor did not say, as a string, {missing}; report this to its administrator")
            size = self._transfer(remote, _absolute(local))
        except Failure as error:
            failure = error
        except Exception as error:
            # A bug has its own exit status, its type in the hold reason, and its traceback on stderr. Every file still
            # gets a result: without one, HTCondor can only tell the user the exit status.
            sys.excepthook(type(error), error, error.__traceback__)
            failure = bug(error, _PROGRAM)
        if not self.uploading:
            journal_entry.write(self.job, self.path or remote or "", failure)
        result = result_ad.ad(remote or "", local or "", self.uploading, started, size, failure)
        return (failure.status if failure else OK), result

    def _transfer(self, remote: str, local: str) -> int:
        wanted = url.parse_upload(remote, local.rpartition("/")[2]) if self.uploading else url.parse_stage(remote)
        self.path = wanted.path
        doing = ("upload to " if self.uploading else "stage ") + printable(remote)

        def cleanup(pid: int) -> None:
            if isinstance(wanted, url.StageUrl):  # on the share we might hang, too; the next upload cleans up
                publish.discard(work.directory_of(local), wanted.name, pid)

        try:
            size: int = self.watchdog.call((vars(wanted), local, self.uploading), doing, cleanup)
            return size
        except Failure as error:
            from ..share import mounts  # for failures only

            error.server = wanted.server or mounts.server_of(wanted.path)
            raise


def _absolute(path: str) -> str:
    """Return the absolute path. HTCondor's paths are absolute; in a call by hand they may not be."""
    if path.startswith("/"):
        return path
    import os

    return os.path.abspath(path)


def _erase(file: int) -> None:
    """Replace the results of an earlier run in an open out-file with blanks.

    The file keeps its size and its holes, so this needs no space on the disk.
    """
    position = 0
    while True:
        block = posix.pread(file, _BLOCK, position)
        if not block:
            return
        old = block.lstrip(_BLANKS)
        start = position + len(block) - len(old)
        old = old.rstrip(_BLANKS)
        # From the end of what was written, or of the block. A hole in it would be as large as a block
        position = start + posix.pwrite(file, b" " * len(old), start) if old else position + len(block)


def run_files(infile: str, outfile: str, uploading: bool) -> int:
    """Transfer each file named in `infile` and write the results into `outfile`. Returns the first failure's status.

    Raises OSError if the results cannot be written.
    """
    first_failure = OK
    run = Run(uploading)
    with open(posix.open(outfile, posix.O_RDWR | posix.O_CREAT | posix.O_CLOEXEC, 0o644), "r+b") as out:
        _erase(out.fileno())
        try:
            with open(infile, "rb") as stream:
                ads = classad_reader.read_ads(stream.read())
        except (KvmStageError, OSError) as error:
            # There is no file to report, but an ad without a name still gets the message into the hold reason.
            reason = error.strerror if isinstance(error, OSError) else error
            failure = ParameterError(f"cannot read the list of files, {printable(infile)}: {reason}")
            out.write(classad_writer.write_ad(result_ad.ad("", "", uploading, int(time.time()), 0, failure)))
            return failure.status
        for ad in ads:
            if "url" not in ad and "localfilename" not in ad:
                continue  # protocol 4: data from the job for the plug-in (nfs_PluginData), not a file
            status, result = run.transfer(ad.get("url"), ad.get("localfilename"))
            out.write(classad_writer.write_ad(result))
            out.flush()  # now: the result is reported even if the next file kills the plug-in
            first_failure = first_failure or status
    return first_failure
