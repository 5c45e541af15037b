"""Inspect the files of a job's disks: ownership and the whole backing chain, with the same checks as for staging.

This runs as the job's user, in a child that can be abandoned: the chain may be on a share that hangs.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..failures import AuthorizationError, SpecificationError, on_share
from ..images import image, qemu_img
from ..installed import POLICY
from ..job import Job
from ..policy.model import Policy
from ..processes import become_user
from ..share import paths
from ..share.watchdog import Watchdog
from ..text import printable, quoted
from . import qemu_identity
from .request import Disk

if TYPE_CHECKING:
    from ..share.child import Action, Heartbeat


# Bytes of names of snapshots and bitmaps in all disks of a job. QEMU lists all of them in one answer, a bitmap twice,
# with up to 6 bytes for each, and libvirt refuses an answer of 10 MiB: the guest would not start.
_MOST_NAMES = 512 << 10


@dataclass(frozen=True)
class DiskFile:
    """A disk and its file, which has passed all checks."""

    disk: Disk
    path: str  # for libvirt
    format: str  # raw or qcow2
    relabel: bool  # whether libvirt may label it for QEMU (SELinux, AppArmor); its owner never changes
    backing: tuple[tuple[str, str], ...]  # paths (without symlinks) and formats of the files of its backing chain
    is_output: bool = True  # whether HTCondor may transfer it back after the job


def inspect(
    disks: Iterable[tuple[Disk, str]], job: Job, policy: Policy, program: str, closed: tuple[str, ...] = ()
) -> tuple[DiskFile, ...]:
    """Inspect each disk at its path. program: the caller, for messages about a bug.

    closed: directories that the job's user must not be able to search, see qemu_identity.py.

    Raises the same StageErrors as the plug-in.
    """
    files = []
    with Watchdog(lambda: _prepare(job, policy, closed), program) as watchdog:
        for disk, path in disks:
            shown = f"disk {printable(disk.name)}"
            kind, relabel, backing = watchdog.call(
                (disk.name, path, disk.readonly, disk.format == "raw"), f"inspect {shown}"
            )
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
            files.append(DiskFile(disk, path, kind, relabel, tuple(map(tuple, backing))))
    _check_chains_are_not_written(files)
    return tuple(files)


def _check_chains_are_not_written(files: list[DiskFile]) -> None:
    """Raise SpecificationError if the guest writes to a disk that is below another: QEMU's locks keep it from that."""
    written = {file.path: file.disk.name for file in files if not file.disk.readonly}
    for file in files:
        for path, _ in file.backing:
            if path in written:
                raise SpecificationError(
                    f"disk {printable(written[path])} is below disk {printable(file.disk.name)}, in its backing chain, "
                    "so the guest must not write to it; let vm_disk name only one of the two",
                    check="in_use",
                )


def in_scratch(job: Job, name: str) -> str:
    """Return the path of a file in the scratch directory. Raises StageError if it is not the job's own."""
    path = f"{job.scratch}/{name}"
    try:
        check_own(os.lstat(path), job, name)
    except OSError as error:
        raise missing(error, job.scratch, name) from error
    return path


def check_own(status: os.stat_result, job: Job, name: str) -> None:
    """Raise StageError if a file in the scratch directory is not the job's own: libvirt labels it, as root.

    status: from lstat.
    """
    shown = f"disk {printable(name)}"
    if stat.S_ISLNK(status.st_mode):
        raise SpecificationError(f"{shown} is a symlink; let the job bring the file itself", check="file_type")
    if not stat.S_ISREG(status.st_mode):
        raise SpecificationError(f"{shown} is not a regular file; name an image file", check="file_type")
    if status.st_uid != job.uid:
        raise AuthorizationError(
            f"{shown} belongs to another user (uid {status.st_uid}); let the job bring its own file", check="owner"
        )
    if status.st_nlink != 1:
        raise AuthorizationError(
            f"{shown} has {status.st_nlink} names (hard links), so others would see what the guest writes; let the job "
            "bring a copy",
            check="owner",
        )


def missing(error: OSError, scratch: str, name: str) -> SpecificationError:
    """Return the failure for a disk that is not in the scratch directory."""
    from . import brought  # for this failure only

    return SpecificationError(
        f"there is no disk {printable(name)} in the scratch directory ({error.strerror}); {brought.show(scratch, name)}"
        "; name in vm_disk what transfer_input_files brings, for nfs:// the name after the last colon",
        code=error.errno or 0,
    )


def _prepare(job: Job, policy: Policy, closed: tuple[str, ...]) -> tuple[Action, float]:
    if os.getuid() == 0:
        become_user(job.uid, job.gid)
    qemu_identity.check_closed(closed)
    names = memory = 0

    def inspect_one(
        name: str, path: str, readonly: bool, insists: bool, heartbeat: Heartbeat
    ) -> tuple[str, bool, list[tuple[str, str]]]:
        nonlocal names, memory
        own = not name.startswith("/")
        if not own:
            path = _in_disk_dirs(path, readonly, job, policy)
        shown, moved_from = f"disk {printable(name)}", job.scratch if own else ""
        job_file = image.JobFile(shown, moved_from=moved_from, is_written=not readonly)
        top = image.inspect(path, policy.staging, heartbeat, job_file, insists)
        names, memory = names + top.names, memory + top.memory
        if names > _MOST_NAMES or memory > image.MOST_MEMORY:
            raise SpecificationError(
                f"{shown} and those before it have tables of {memory >> 20} MiB, with names of {names >> 10} KiB, and "
                "so would cost QEMU too much; remove snapshots and bitmaps, or use images with larger clusters",
                check="cost",
            )
        for unverified in top.unverified:
            qemu_img.try_to_open(unverified, policy.staging.timeout, heartbeat)
        chain, below = [], top.backing
        while below:
            chain.append((below.path, below.format))
            below = below.backing
        return top.format, own or not readonly, chain

    return inspect_one, policy.staging.timeout


def _in_disk_dirs(path: str, readonly: bool, job: Job, policy: Policy) -> str:
    """Return the path of a file in one of the policy's directories: the user's own if the guest writes to it."""
    shown = f"disk {printable(path)}"
    resolved = paths.resolve(path, f"open {shown}")
    if resolved.path != path or not any(paths.is_under(path, directory) for directory in policy.vm.disk_dirs):
        raise AuthorizationError(
            f"{shown} is a symlink, or below one; name the file itself, in a directory of vm.disk_dirs in {POLICY}",
            check="image_dirs",
        )
    try:
        status = os.stat(path, follow_symlinks=False)
    except OSError as error:
        raise on_share(error, f"open {shown}") from error
    if not readonly:
        check_own(status, job, path)
        _check_parents(path, policy.vm.disk_owners)
    return path


def _check_parents(path: str, owners: list[str]) -> None:
    """Raise AuthorizationError if others than root and the policy's owners could replace a file (sshd's StrictModes).

    libvirt, as root, would label the replacement (TOCTOU). An access control list cannot grant more than the mode's
    group bits, its mask (acl(5)).
    """
    trusted = {0, *(uid for uid in map(_uid, owners) if uid is not None)} - {os.getuid()}  # not the job's user
    directory = path
    while directory != "/":
        directory = os.path.dirname(directory)
        status = os.stat(directory)
        step = "the job must only read it, or the administrator must "
        if status.st_uid not in trusted:
            reason = f"belongs to the user {status.st_uid}"
            step += f"add that user to vm.disk_owners in {POLICY}"
        elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            reason, step = "others than its owner can write to", step + f"run: chmod go-w {quoted(directory)}"
        else:
            continue
        raise AuthorizationError(
            f"disk {printable(path)} is below {printable(directory)}, which {reason}, so another file could replace "
            f"it; {step}",
            check="image_dirs",
        )


def _uid(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None
