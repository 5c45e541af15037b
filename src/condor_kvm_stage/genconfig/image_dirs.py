"""Which of the policy's image directories this node has, for its slot ad. Found at boot, advertised by the plug-in."""

from __future__ import annotations

import stat
from pathlib import Path

from ..plugin import paths, supervise
from ..plugin.classad_writer import write_long
from ..plugin.failure import SpecificationError, StageError
from ..policy import Policy
from ..state import PATH
from . import atomic

FAILED = "NfsPluginImageDirsFailed"


def attributes(policy: Policy) -> dict[str, str]:
    """Return the attributes for the slot ad, {} if the policy names no directories.

    NfsPluginImageDirs: those that all may search, as a list for stringListMember(); NfsPluginImageDirsFailed: the
    others. Waits for each at most the policy's timeout.
    """
    if not policy.image_dirs:
        return {}
    good = [directory for directory in policy.image_dirs if _is_good(directory, policy.timeout)]
    failed = [directory for directory in policy.image_dirs if directory not in good]
    return {"NfsPluginImageDirs": ",".join(good), FAILED: ",".join(failed)}


def write(found: dict[str, str], root: Path) -> None:
    """Leave what attributes() found to the plug-in, under root. Raises WriteError."""
    path = root / PATH.lstrip("/")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise atomic.WriteError(f"cannot make {path.parent}: {error.strerror}; run this as root") from error
    atomic.write(path, write_long(found).decode("utf-8", "surrogateescape"))


def _is_good(directory: str, timeout: int) -> bool:
    def look(beat: supervise.Beat) -> int:
        place = paths.resolve(directory, f"look at {directory}")
        if not stat.S_ISDIR(place.status.st_mode):
            raise SpecificationError(f"{directory} is not a directory")
        return 0

    try:
        supervise.run(look, timeout, f"look at {directory}")
    except StageError:
        return False
    return True
