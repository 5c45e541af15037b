"""The protocol's transfers: from what HTCondor asks for to what it is told, whatever happens in between.

HTCondor's manual, "File Transfer Plug-Ins": one result for each file, also after a failure; the out-file is
pre-allocated with blanks, so that a full disk can still be reported, and is written over, never truncated.
"""

import os
import sys
import time

from ..errors import KvmStageError, printable
from ..policy import PolicyError, load
from ..schema import Staging
from . import classad_reader, classad_writer, mounts, publish, results, stage, supervise, url
from .failure import OK, NodeError, ParameterError, StageError, bug

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable


class Run:
    """One run of the plug-in: the site's policy, read once, and what patience with the share is left."""

    def __init__(self) -> None:
        self.policy: Staging | None = None
        self.patience: supervise.Patience | None = None

    def transfer(self, remote: "str | None", local: "str | None", uploading: bool) -> "tuple[int, results.Ad]":
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
            size = (self._upload if uploading else self._stage)(remote, os.path.abspath(local))
        except StageError as error:
            failure = error
        except Exception as error:
            # Loud: with its own exit status, the type in the hold reason, the traceback on stderr. Yet every file gets
            # a result, for without one HTCondor has nothing better to tell the user than the exit status.
            sys.excepthook(type(error), error, error.__traceback__)
            failure = bug(error)
        result = results.ad(remote or "", local or "", uploading, started, size, failure)
        return (failure.status if failure else OK), result

    def _stage(self, remote: str, local: str) -> int:
        wanted, policy = url.parse_stage(remote), self._read_policy()
        scratch = os.path.dirname(local)
        return self._supervised(
            lambda beat: stage.stage(wanted, scratch, policy, beat),
            f"stage {printable(remote)}",
            wanted,
            lambda child: publish.discard(scratch, wanted.name, child),
        )

    def _upload(self, remote: str, local: str) -> int:
        from . import upload  # hardly ever needed

        wanted, policy = url.parse_upload(remote, os.path.basename(local)), self._read_policy()
        return self._supervised(
            lambda beat: upload.upload(local, wanted, policy, beat),
            f"upload to {printable(remote)}",
            wanted,
            lambda child: None,  # the share would not answer us either; the next attempt tidies up
        )

    def _supervised(
        self,
        action: "Callable[[supervise.Beat], int]",
        doing: str,
        wanted: "url.StageUrl | url.UploadUrl",
        tidy: "Callable[[int], None]",
    ) -> int:
        if self.patience is None:
            self.patience = supervise.Patience(self._read_policy().timeout)
        try:
            return self.patience.run(action, doing, tidy)
        except StageError as error:
            error.server = wanted.server or mounts.server_of(wanted.path)
            raise

    def _read_policy(self) -> Staging:
        if self.policy is None:
            try:
                self.policy = load().staging
            except PolicyError as error:
                raise NodeError(str(error)) from error
        return self.policy


def run_files(infile: str, outfile: str, uploading: bool) -> int:
    """Transfer each file named in `infile` and write the results into `outfile`. Returns the first failure's status.

    Raises OSError if the out-file does not take the results.
    """
    first_failure = OK
    run = Run()
    with open(os.open(outfile, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+b") as out:
        try:
            with open(infile, "rb") as stream:
                ads = classad_reader.read_ads(stream.read())
        except (KvmStageError, OSError) as error:
            # No file to answer for, but an ad without a name still brings the message into the hold reason.
            reason = error.strerror if isinstance(error, OSError) else error
            failure = ParameterError(f"cannot read the list of files, {printable(infile)}: {reason}")
            out.write(classad_writer.write_ad(results.ad("", "", uploading, int(time.time()), 0, failure)))
            return failure.status
        for ad in ads:
            if "url" not in ad and "localfilename" not in ad:
                continue  # protocol 4: what the job says to the plug-in (nfs_PluginData), not a file
            status, result = run.transfer(ad.get("url"), ad.get("localfilename"), uploading)
            out.write(classad_writer.write_ad(result))
            out.flush()  # at once: what was done is reported even if the next file kills the plug-in
            first_failure = first_failure or status
    return first_failure
