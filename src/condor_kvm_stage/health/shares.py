"""Look at the directories that can go away: those of images, the canary image, EXECUTE. Each can hang.

A process that waits for a dead share cannot be killed. So for each mount point there is at most one such process: while
it is there, the mount point counts as silent, and no other is started.
"""

from __future__ import annotations

import errno
import os
import pwd
import stat
import time
from typing import TYPE_CHECKING

from .. import processes
from ..failures import SpecificationError, StageError
from ..host import Host
from ..images import qemu_locks
from ..record import dataclass
from ..share import mounts, tickets
from ..share.watchdog import SilentError, Watchdog
from .faults import Fault
from .state import State

if TYPE_CHECKING:
    from ..share.child import Action, Heartbeat

DIRECTORY, IMAGE, EXECUTE = "share", "canary", "execute"  # the names of their faults
DEADLINE = 10  # seconds for one look
_ANSWERS = (errno.EACCES, errno.EPERM, errno.ENOSYS)
LONGEST = 120  # seconds after which silence is a fault, whatever staging.timeout says


@dataclass(frozen=True)
class Place:
    """Something to look at."""

    kind: str
    path: str


@dataclass(frozen=True)
class Looked:
    """What was found. free: MiB, by place, of those that answered."""

    faults: list[Fault]
    free: dict[Place, int]


def look(host: Host, places: list[Place], state: State, now: int, timeout: int) -> Looked:
    """Look at all places. timeout: seconds in which a share must respond; until then its last verdict holds."""
    faults: list[Fault] = []
    free: dict[Place, int] = {}
    for point, group in _by_mount_point(host, places).items():
        answers = _answers(host, point, group, state)
        if state.is_silent(f"mount point {point}", answers is not None, now, min(timeout, LONGEST)):
            faults += [Fault(place.kind, f"{place.path} does not answer") for place in group]
        elif answers is None:
            faults += [Fault(place.kind, state.faults[place.kind]) for place in group if place.kind in state.faults]
        for place, answer in (answers or {}).items():
            if isinstance(answer, int):
                free[place] = answer
            else:
                faults.append(Fault(place.kind, answer))
    directories = [place.path for place in places if place.kind == DIRECTORY]
    return Looked(faults + _not_mounted(host, directories, state), free)


def _by_mount_point(host: Host, places: list[Place]) -> dict[str, list[Place]]:
    points = mounts.points(host.text(mounts.MOUNTINFO) or "")
    found: dict[str, list[Place]] = {}
    for place in places:
        found.setdefault(mounts.nearest(points, place.path), []).append(place)
    return found


def _answers(host: Host, point: str, places: list[Place], state: State) -> dict[Place, int | str] | None:
    """Return the free MiB at each place, or what is wrong with it; None if one does not answer."""
    left = state.probes.get(point)
    if left and processes.is_alive(*left):
        return None
    state.probes.pop(point, None)

    def remember(pid: int) -> None:
        if not _is_gone(pid):
            state.probes[point] = [pid, processes.start_time(pid)]

    found: dict[Place, int | str] = {}
    user = host.job_user()
    with Watchdog(lambda: _prepare(user), "condor-kvm-stage-health") as watchdog:
        for place in places:
            try:
                found[place] = watchdog.call((place.kind, place.path), f"look at {place.path}", remember)
            except SilentError:
                return None
            except StageError as error:
                found[place] = str(error)
    return found


def _prepare(user: str) -> tuple[Action, float]:
    """Become the user that HTCondor looks at images as: root's rights end at a share."""
    if user:
        entry = pwd.getpwnam(user)
        processes.become_user(entry.pw_uid, entry.pw_gid)
    return _look, DEADLINE


def _look(kind: str, path: str, heartbeat: Heartbeat) -> int:
    """Return the free MiB of the file system that a path is on, for which a share's server is always asked."""
    try:
        if kind == IMAGE:
            with open(path, "rb") as file:
                file.read(512)
                unlockable = qemu_locks.find_fault(file.fileno(), path, path)
            if unlockable:  # then no guest starts from an image there
                raise unlockable
        elif not stat.S_ISDIR(os.stat(path).st_mode):
            raise SpecificationError(f"{path} is not a directory")
        space = os.statvfs(path)
    except OSError as error:
        # It has answered: it may be open to some users of jobs only, and need not know its free space
        if kind == DIRECTORY and (error.errno in _ANSWERS or tickets.refusal(error, path, "look")):
            missing = tickets.missing_daemon(path)
            if not missing:
                return 0
            raise SpecificationError(f"{path}: {missing} does not run, so that no user has a ticket") from error
        raise SpecificationError(f"{path}: {error.strerror}") from error
    return space.f_bavail * space.f_frsize >> 20


def _is_gone(pid: int) -> bool:
    """Return whether a child that was killed ends within a second."""
    for _ in range(20):
        if os.waitpid(pid, os.WNOHANG)[0]:
            return True
        time.sleep(0.05)
    return False


def _not_mounted(host: Host, directories: list[str], state: State) -> list[Fault]:
    """Return a fault for each directory that was on a mount point, or should be by fstab(5), and is not.

    Called after the directories were looked at, which makes autofs mount them.
    """
    points = mounts.points(host.text(mounts.MOUNTINFO) or "")
    planned = mounts.planned(host.text(mounts.FSTAB) or "")
    faults, seen = [], {}
    for directory in directories:
        here = mounts.nearest(points, directory)
        wanted = max(state.mount_points.get(directory, "/"), mounts.nearest(planned, directory), key=len)
        if len(here) < len(wanted):  # both are above the directory
            faults.append(Fault(DIRECTORY, f"{wanted} is not mounted"))
            seen[directory] = wanted
        else:
            seen[directory] = here
    state.mount_points = seen
    return faults
