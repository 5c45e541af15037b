"""What the worker process does with each request: one file, from its URL to the disk or to the share."""

from ..failures import NodeError, StageError
from ..policy.load import load_staging
from ..policy.model import PolicyError
from . import publish, stage, url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..share.child import Action, Beat


def prepare() -> "tuple[Action, float]":
    """Read the site's policy. Returns what is done for each request, and the policy's patience, seconds."""
    try:
        policy = load_staging()
    except PolicyError as error:
        raise NodeError(str(error)) from error

    def work(remote: str, local: str, uploading: bool, beat: "Beat") -> int:
        wanted = _parsed(remote, local, uploading)
        try:
            if isinstance(wanted, url.UploadUrl):
                from . import upload  # hardly ever needed

                return upload.upload(local, wanted, policy, beat)
            return stage.stage(wanted, _directory(local), policy, beat)
        except StageError as error:
            error.server = _server(wanted)
            raise

    return work, policy.timeout


def tidy(remote: str, local: str, uploading: bool, pid: int) -> None:
    """Remove what a worker that was killed left of a request."""
    if uploading:  # the share would not answer us either; the next attempt tidies up
        return
    try:
        publish.discard(_directory(local), url.parse_stage(remote).name, pid)
    except StageError:
        pass  # nothing can have been begun


def server_of(remote: str, local: str, uploading: bool) -> str:
    """Return whose file a request is about, for HTCondor's records: see mounts.server_of()."""
    return _server(_parsed(remote, local, uploading))


def _parsed(remote: str, local: str, uploading: bool) -> "url.StageUrl | url.UploadUrl":
    return url.parse_upload(remote, local.rpartition("/")[2]) if uploading else url.parse_stage(remote)


def _directory(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _server(wanted: "url.StageUrl | url.UploadUrl") -> str:
    from ..share import mounts  # for failures only

    return wanted.server or mounts.server_of(wanted.path)
