"""Disks in the policy's vm.disk_dirs: a guest writes only to files that nobody untrusted could replace."""

from __future__ import annotations

import os
import pwd
import stat

from ..failures import AuthorizationError
from ..installed import POLICY
from ..job import Job
from ..policy.model import Policy
from ..share import paths
from ..share.faults import on_share
from ..text import is_under, printable, quoted
from .own_files import check_own


def find(path: str, readonly: bool, job: Job, policy: Policy) -> str:
    """Return the path of a file in one of the policy's directories: the user's own if the guest writes to it."""
    shown = f"disk {printable(path)}"
    resolved = paths.resolve(path, f"open {shown}")
    if resolved.path != path or not any(is_under(path, directory) for directory in policy.vm.disk_dirs):
        raise AuthorizationError(
            f"{shown} is a symlink, or below one; name the file itself, in a directory of vm.disk_dirs in {POLICY}",
            check="image_dirs",
        )
    try:
        status = os.stat(path, follow_symlinks=False)
    except OSError as error:
        raise on_share(error, path, f"open {shown}") from error
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
