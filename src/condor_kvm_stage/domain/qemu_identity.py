"""The group that keeps a guest's QEMU apart from other processes of the job's user.

QEMU runs as the job's user. libvirt makes directories for each guest, gives them to that user, and works in them as
root: it creates a key there, and removes them with all that they hold. A user who could reach them could redirect root
by symlinks (tried: any file became his). And whoever may trace QEMU has what libvirt gave it: its sockets, the network.

So QEMU has libvirt's own group, in which no job's user is. The kernel then lets the user's other processes signal QEMU,
but not trace it (ptrace(2): user and group must be the same), and the directories above libvirt's are closed to
everybody else. QEMU can search them by the group.
"""

from __future__ import annotations

import contextlib
import grp
import os
import stat
from collections.abc import Iterator

from ..failures import AuthorizationError, NodeError
from ..installed import DOMAINS
from ..job import Job
from ..processes import groups_of

# Directly above the directories of guests, like DOMAINS. libvirt moved the channels' (cfg->channelTargetDir in its
# src/qemu/qemu_conf.c) in 9.8.
_CHANNELS = ("/run/libvirt/qemu/channel", "/var/lib/libvirt/qemu/channel/target")


def group(job: Job) -> int:
    """Return the id of QEMU's group. Raises NodeError if it is root's, AuthorizationError if the user is in it."""
    found = _group_of_libvirt()
    if found == 0:
        raise NodeError(
            f"{DOMAINS} belongs to root's group, as whom no guest may run; the administrator must remove user and "
            "group from /etc/libvirt/qemu.conf, and restart libvirt's daemon"
        )
    if found in {job.gid, *groups_of(job.uid, job.gid)}:
        raise AuthorizationError(
            f"the job's user (uid {job.uid}) is in the group {_name(found)}, which QEMU has on this node, so his "
            "other jobs could control the guest; the administrator must remove him from it",
            check="owner",
        )
    return found


def _group_of_libvirt() -> int:
    """libvirt's daemon gives the directory to its user and group for QEMU when it starts (qemuStateInitialize())."""
    try:
        return os.stat(DOMAINS).st_gid
    except OSError as error:
        raise NodeError(f"cannot look at {DOMAINS}: {error.strerror}; tell the administrator") from error


def close_directories() -> tuple[str, ...]:
    """Close the directories in which libvirt makes those of guests to all but their group. Returns their paths.

    libvirt's package opens the first one to all users whenever it is updated, so this is done for each guest. Those of
    later guests are made after this. Raises NodeError.
    """
    closed = tuple(_close(path) for path in (DOMAINS, *filter(os.path.exists, _CHANNELS)))
    if len(closed) == 1:
        raise NodeError(f"libvirt has none of the directories {', '.join(_CHANNELS)}; tell the administrator")
    return closed


def check_closed(directories: tuple[str, ...]) -> None:
    """Raise NodeError if this process, which has become the job's user, may search one of the directories."""
    for path in directories:
        if os.access(path, os.X_OK):
            raise NodeError(
                f"the job's user (uid {os.getuid()}) may search {path}, and so could redirect what libvirt does there "
                "as root; the administrator must close it to users"
            )


def _close(path: str) -> str:
    try:
        with _opened(path) as directory:
            mode = stat.S_IMODE(os.fstat(directory).st_mode)
            if mode & stat.S_IRWXO:
                os.fchmod(directory, mode & ~stat.S_IRWXO)
    except OSError as error:
        raise NodeError(f"cannot close {path} to users: {error.strerror}; tell the administrator") from error
    return path


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
