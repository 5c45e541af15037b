"""Which of the policy's image directories this node has, for its slot ad: probed at boot, advertised by the plug-in."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from ...failures import SpecificationError, StageError
from ...policy.model import StagingPolicy
from ...share import paths
from ...share.watchdog import Watchdog

if TYPE_CHECKING:
    from ...share.child import Heartbeat


def attributes(staging: StagingPolicy) -> dict[str, str]:
    """Return the attributes for the slot ad, {} if the policy names no directories.

    NfsPluginImageDirs: those that can be accessed, as a list for stringListMember(); NfsPluginImageDirsFailed: the
    others. Waits at most the policy's timeout for the first; less for those after one that did not answer.
    """
    if not staging.image_dirs:
        return {}
    for_all = not staging.guests_have_own_user
    with Watchdog(lambda: (_check, staging.timeout), "condor-kvm-stage-genconfig") as watchdog:
        good = [directory for directory in staging.image_dirs if _is_good(directory, for_all, watchdog)]
    failed = [directory for directory in staging.image_dirs if directory not in good]
    return {"NfsPluginImageDirs": ",".join(good), "NfsPluginImageDirsFailed": ",".join(failed)}


def _is_good(directory: str, for_all: bool, watchdog: Watchdog) -> bool:
    """A bug is not a failed directory: BugError is no StageError, and ends the program."""
    try:
        watchdog.call((directory, for_all), f"look at {directory}")
    except StageError:
        return False
    return True


def _check(directory: str, for_all: bool, heartbeat: Heartbeat) -> int:
    resolved = paths.resolve(directory, f"look at {directory}", for_all)
    if not stat.S_ISDIR(resolved.status.st_mode):
        raise SpecificationError(f"{directory} is not a directory")
    return 0
