"""What the files of a job's disks are: each is the job's own, and its whole chain is inspected, as when it was staged.

All of it is done as the job's user, in a process that can be given up: the chain may lie on a share that hangs.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..failures import AuthorizationError, SpecificationError, on_share
from ..images import image, qemu_img
from ..installed import POLICY
from ..policy.model import Policy
from ..processes import become_user
from ..share import paths
from ..share.watchdog import Watchdog
from ..text import printable
from .job import Job
from .request import Disk

if TYPE_CHECKING:
    from ..share.child import Action, Heartbeat


@dataclass(frozen=True)
class DiskFile:
    """A disk and its file. path: as libvirt gets it. format: raw or qcow2. own: whether libvirt may give it to QEMU's
    user. backing: paths, without symlinks, and formats of the files of its chain below it. returns: whether it is
    wanted after the job.
    """

    disk: Disk
    path: str
    format: str
    own: bool
    backing: tuple[tuple[str, str], ...]
    returns: bool = True


def inspect(placed: Iterable[tuple[Disk, str]], job: Job, policy: Policy, program: str) -> tuple[DiskFile, ...]:
    """Inspect each disk at its path. program: the one that asks, for messages about a bug.

    Raises StageError: what the plug-in would say of such an image.
    """
    found = []
    with Watchdog(lambda: _prepare(job, policy), program) as watchdog:
        for disk, path in placed:
            shown = f"disk {printable(disk.name)}"
            kind, own, backing = watchdog.call((disk.name, path, disk.readonly), f"inspect {shown}")
            if disk.format not in ("", kind):
                raise SpecificationError(
                    f"{shown} is {kind}, but vm_disk says {disk.format}; write {disk.name}:{disk.device}:…:{kind}",
                    check="format_mismatch",
                )
            if disk.cdrom and kind != "raw":
                raise SpecificationError(
                    f"{shown} is {kind}; a CD-ROM, which HTCondor makes of a file with 'iso' in its name, must be raw",
                    check="format_mismatch",
                )
            found.append(DiskFile(disk, path, kind, own, tuple(map(tuple, backing))))
    return tuple(found)


def in_scratch(job: Job, name: str) -> str:
    """Return the path of a file in the scratch directory. Raises StageError if it is not the job's own."""
    path = f"{job.scratch}/{name}"
    try:
        check_own(os.lstat(path), job, name)
    except OSError as error:
        raise missing(error, name) from error
    return path


def check_own(status: os.stat_result, job: Job, name: str) -> None:
    """Raise StageError if a file in the scratch directory is not the job's own: libvirt changes its owner, as root.

    status: of its name, links not followed.
    """
    shown = f"disk {printable(name)}"
    if stat.S_ISLNK(status.st_mode):
        raise SpecificationError(f"{shown} is a symlink; let the job bring the file itself", check="file_type")
    if not stat.S_ISREG(status.st_mode):
        raise SpecificationError(f"{shown} is not a regular file; name an image file", check="file_type")
    if status.st_uid != job.uid:
        raise AuthorizationError(
            f"{shown} belongs to another user (uid {status.st_uid}); let the job bring a file of its own", check="owner"
        )
    if status.st_nlink != 1:
        raise AuthorizationError(
            f"{shown} has {status.st_nlink} names (hard links), so others would see what the guest writes; let the job "
            "bring a copy",
            check="owner",
        )


def missing(error: OSError, name: str) -> SpecificationError:
    """Return the failure that a disk's file cannot be looked at where the job should have brought it."""
    return SpecificationError(
        f"there is no disk {printable(name)} in the scratch directory ({error.strerror}); name in vm_disk what "
        "transfer_input_files brings, for nfs:// the name after the last colon",
        code=error.errno or 0,
    )


def _prepare(job: Job, policy: Policy) -> tuple[Action, float]:
    if os.getuid() == 0:
        become_user(job.uid, job.gid)

    def inspect_one(
        name: str, path: str, readonly: bool, heartbeat: Heartbeat
    ) -> tuple[str, bool, list[tuple[str, str]]]:
        own = not name.startswith("/")
        if not own:
            path = _in_disk_dirs(path, readonly, job, policy)
        job_file = image.JobFile(f"disk {printable(name)}", moved_from=job.scratch if own else "")
        top = image.inspect(path, policy.staging, heartbeat, job_file)
        for unverified in top.unverified:
            qemu_img.try_to_open(unverified, heartbeat)
        chain, below = [], top.backing
        while below:
            chain.append((below.path, below.format))
            below = below.backing
        return top.format, own or not readonly, chain

    return inspect_one, policy.staging.timeout


def _in_disk_dirs(path: str, readonly: bool, job: Job, policy: Policy) -> str:
    """Return the path of a file in one of the policy's directories if it is the user's, or is read, and all may."""
    shown = f"disk {printable(path)}"
    place = paths.resolve(path, f"open {shown}")
    if place.path != path or not any(paths.is_under(path, directory) for directory in policy.vm.disk_dirs):
        raise AuthorizationError(
            f"{shown} is a symlink, or lies in one; name the file itself, in a directory of vm.disk_dirs in {POLICY}",
            check="image_dirs",
        )
    try:
        status = os.stat(path, follow_symlinks=False)
    except OSError as error:
        raise on_share(error, f"open {shown}") from error
    if not readonly:
        check_own(status, job, path)
        _check_above(path)
    elif not status.st_mode & stat.S_IROTH:
        raise AuthorizationError(
            f"{shown} is not readable by all; its owner must run: chmod o+r {printable(path)}", check="readable"
        )
    return path


def _check_above(path: str) -> None:
    """Raise AuthorizationError if this process's user can put something else in a path's place.

    libvirt would give that to QEMU's user, as root.
    """
    directory = path
    while directory != "/":
        directory = os.path.dirname(directory)
        if os.access(directory, os.W_OK):
            raise AuthorizationError(
                f"disk {printable(path)} lies in {printable(directory)}, which the job's user can write to, so that "
                "another file could take its place; its owner must take that right away, or the job must only read it",
                check="image_dirs",
            )
