"""The action of the plug-in's child: stage or upload one file for each request."""

from ..failures import NodeError
from ..policy.load import load_staging
from ..policy.model import PolicyError
from . import stage, url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..share.child import Action, Heartbeat


def prepare() -> "tuple[Action, float]":
    """Read the site's policy. Returns the action for each request, and the policy's timeout in seconds."""
    try:
        policy = load_staging()
    except PolicyError as error:
        raise NodeError(str(error)) from error

    def work(wanted: "dict[str, Any]", local: str, uploading: bool, heartbeat: "Heartbeat") -> int:
        """Transfer one file. wanted: attributes of a StageUrl or an UploadUrl. local: HTCondor's path of the file."""
        if uploading:
            from . import upload  # rarely needed

            return upload.upload(local, url.UploadUrl(**wanted), policy, heartbeat)
        return stage.stage(url.StageUrl(**wanted), directory_of(local), policy, heartbeat)

    return work, policy.timeout


def directory_of(path: str) -> str:
    """Return the directory of an absolute path."""
    return path.rpartition("/")[0] or "/"
