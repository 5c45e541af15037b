"""Inspect the files of a job's disks: ownership and the whole backing chain, with the same checks as for staging.

This runs as the job's user, in a child that can be abandoned: the chain may be on a share that hangs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from .. import selinux
from ..failures import AuthorizationError, SpecificationError
from ..images import image, qemu_img
from ..job import Job
from ..policy.model import Policy
from ..processes import become_user
from ..record import dataclass
from ..share.watchdog import Watchdog
from ..text import printable
from . import disk_dirs, qemu_identity, site_image
from .request import Disk

TYPE_CHECKING = False
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
    disks: Iterable[tuple[Disk, str]],
    job: Job,
    policy: Policy,
    program: str,
    closed: tuple[str, ...] = (),
    guest: str = "",
) -> tuple[DiskFile, ...]:
    """Inspect each disk at its path. program: the caller, for messages about a bug. guest: see GuestFacts.selinux.

    closed: directories that the job's user must not be able to search, see qemu_identity.py.

    Raises the same StageErrors as the plug-in.
    """
    files = []
    with Watchdog(lambda: _prepare(job, policy, closed, guest), program) as watchdog:
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


def _prepare(job: Job, policy: Policy, closed: tuple[str, ...], guest: str) -> tuple[Action, float]:
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
            path = disk_dirs.find(path, readonly, job, policy)
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
        relabel = own or not readonly
        chain, below = [], top.backing
        while below:
            chain.append((below.path, below.format))
            below = below.backing
        if guest and selinux.is_enforcing():
            for file in [*([] if relabel else [path]), *(below_path for below_path, _ in chain)]:
                # With the filter, the guest's start shows that the node is at fault, not the job
                if not (policy.guest.filtered and site_image.belongs(file, policy.staging.image_dirs)):
                    _check_label(file, guest, shown)
        return top.format, relabel, chain

    return inspect_one, policy.staging.timeout


def _check_label(path: str, guest: str, shown: str) -> None:
    """Raise AuthorizationError if SELinux keeps guests from reading a file that libvirt does not label."""
    try:
        denial = selinux.find_denial(path, guest)
    except selinux.NotKnown:  # the guest's start will show it
        return
    if denial:
        raise AuthorizationError(
            f"{shown} needs {printable(path)}, but {denial.what}; the administrator of {os.uname().nodename} must run: "
            f"{denial.step}",
            check="selinux",
        )
