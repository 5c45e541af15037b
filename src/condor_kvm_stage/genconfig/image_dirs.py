"""Which of the policy's image directories this node has, for its slot ad. Found at boot, advertised by the plug-in."""

from __future__ import annotations

import stat

from ..errors import root_hint
from ..plugin import paths, supervise
from ..plugin.classad_writer import write_long
from ..plugin.failure import SpecificationError, StageError
from ..schema import Staging
from ..state import PATH
from . import atomic
from .host import Host


def attributes(staging: Staging) -> dict[str, str]:
    """Return the attributes for the slot ad, {} if the policy names no directories.

    NfsPluginImageDirs: those that all may search, as a list for stringListMember(); NfsPluginImageDirsFailed: the
    others. Waits for the first at most the policy's timeout, for those after one that was silent less.
    """
    if not staging.image_dirs:
        return {}
    patience = supervise.Patience(staging.timeout)
    good = [directory for directory in staging.image_dirs if _is_good(directory, patience)]
    failed = [directory for directory in staging.image_dirs if directory not in good]
    return {"NfsPluginImageDirs": ",".join(good), "NfsPluginImageDirsFailed": ",".join(failed)}


def write(found: dict[str, str], host: Host) -> None:
    """Leave what attributes() found to the plug-in. Raises WriteError."""
    path = host.path(PATH)
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True)
            path.parent.chmod(0o755)  # whatever the caller's umask: the plug-in reads it as jobs' users
    except OSError as error:
        raise atomic.WriteError(f"cannot make {path.parent}: {error.strerror}; run this as root") from error
    atomic.write(path, write_long(found).decode("utf-8", "surrogateescape"))


def remove(host: Host) -> None:
    """Take back what write() left. Raises WriteError."""
    path = host.path(PATH)
    try:
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            path.parent.rmdir()
    except OSError as error:
        raise atomic.WriteError(f"cannot remove {path.parent}: {error.strerror}{root_hint(error)}") from error


def _is_good(directory: str, patience: supervise.Patience) -> bool:
    def look(beat: supervise.Beat) -> int:
        place = paths.resolve(directory, f"look at {directory}")
        if not stat.S_ISDIR(place.status.st_mode):
            raise SpecificationError(f"{directory} is not a directory")
        return 0

    try:
        patience.run(look, f"look at {directory}")
    except StageError:
        return False
    return True
