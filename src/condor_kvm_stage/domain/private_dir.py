"""Root-owned directory that holds a job's disks, so that nobody can replace a file between check and use (TOCTOU).

QEMU opens a disk as the job's user, and libvirt changes no owner. But two things root does on paths of the job:

* With SELinux or AppArmor, libvirt labels each disk, or allows its path, when the guest starts and ends. The job's user
  (in another job) could redirect a path in the scratch directory at any time in between. So the disks are moved to a
  private directory, next to the scratch directory, in which the user cannot change a name: each one refers to the file
  that was inspected. A symlink replaces the file in the scratch directory, for HTCondor, which transfers it as the
  user; with a hard link, HTCondor would not count the disk's usage.
* When HTCondor suspends a guest that cannot be paused, libvirt saves it as root under one name in the scratch
  directory, and HTCondor later restores what it finds there. So the scratch directory becomes root's, and that name is
  blocked. The user keeps his permissions in it.

Nobody else may search the two directories: their files are the user's, with whatever mode the job gave them.

HTCondor removes the private directory with the scratch directory's parent, which belongs to the job. In older versions,
and with STARTER_NESTED_SCRATCH = False, the parent is EXECUTE; then janitor.py removes it.
"""

from __future__ import annotations

import errno
import os
import socket
import stat

from .. import scratch_files
from ..failures import NodeError
from ..job import SAVED_GUEST, Job
from ..leftovers.private_dirs import SUFFIX
from . import acl
from .own_files import check_own, missing

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class PrivateDir:
    """An open private directory."""

    def __init__(self, path: str, descriptor: int, scratch: int, job: Job) -> None:
        self.path = path  # absolute
        self._descriptor = descriptor  # of this directory
        self._scratch = scratch  # descriptor of the scratch directory
        self.job = job

    def move_in(self, name: str) -> str:
        """Move a disk from the scratch directory here, and leave a symlink. Returns its path. Raises as take_in()."""
        path = self.take_in(name)
        try:
            os.symlink(path, name, dir_fd=self._scratch)
            # HTCondor removes the symlink as the user if nothing is transferred back
            os.chown(name, self.job.uid, self.job.gid, dir_fd=self._scratch, follow_symlinks=False)
        except OSError as error:
            raise NodeError(f"cannot make a symlink to {name}: {error.strerror}; tell the administrator") from error
        return path

    def take_in(self, name: str) -> str:
        """Move a file of the scratch directory here. Returns its path. Raises StageError if it is not the job's own."""
        try:
            check_own(os.stat(name, dir_fd=self._scratch, follow_symlinks=False), self.job, name)
            os.rename(name, name, src_dir_fd=self._scratch, dst_dir_fd=self._descriptor)
        except FileNotFoundError as error:
            raise missing(error, self.job.scratch, name) from error
        except OSError as error:
            raise _unmovable(error, name) from error
        try:
            # again, because here it cannot be replaced any more
            check_own(os.stat(name, dir_fd=self._descriptor, follow_symlinks=False), self.job, name)
        except OSError as error:
            raise NodeError(f"cannot look at {name}: {error.strerror}; tell the administrator") from error
        return f"{self.path}/{name}"

    def has(self, name: str) -> bool:
        """Return whether there is anything of a name in the scratch directory."""
        try:
            os.stat(name, dir_fd=self._scratch, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def read(self, name: str, most: int) -> bytes:
        """Return the first bytes of a regular file in the scratch directory, b"" if there is no such file."""
        return scratch_files.read(name, most, self._scratch)

    def make_fifo(self, name: str) -> str:
        """Create a FIFO of the job's user in this directory. Returns its path."""
        os.mkfifo(name, 0o600, dir_fd=self._descriptor)
        os.chown(name, self.job.uid, self.job.gid, dir_fd=self._descriptor, follow_symlinks=False)
        return f"{self.path}/{name}"

    def make_log(self, name: str) -> int:
        """Create a file of root's in this directory. Returns its descriptor, for reading and writing."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(name, flags, 0o600, dir_fd=self._descriptor)

    def listen(self, name: str, uid: int, gid: int, mode: int) -> socket.socket:
        """Create a UNIX socket in this directory, with this owner, group and mode. Returns it, listening."""
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # By the descriptor, because a path may have 107 bytes only, and the scratch directory can be anywhere
        listening.bind(f"/proc/self/fd/{self._descriptor}/{name}")
        os.chmod(name, mode, dir_fd=self._descriptor)
        os.chown(name, uid, gid, dir_fd=self._descriptor, follow_symlinks=False)
        listening.listen()
        return listening


def make(job: Job) -> PrivateDir:
    """Create the private directory for a scratch directory, which must belong to the job's user. Raises NodeError."""
    parent_path, name = os.path.split(job.scratch)
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        parent = os.open(parent_path, flags)
        try:
            check_parent(os.fstat(parent), parent_path, job.uid)
            scratch = os.open(name, flags, dir_fd=parent)
            if os.fstat(scratch).st_uid != job.uid:
                raise NodeError(f"the scratch directory {job.scratch} does not belong to the job's user")
            os.mkdir(name + SUFFIX, 0o700, dir_fd=parent)
            descriptor = os.open(name + SUFFIX, flags, dir_fd=parent)
            acl.grant(descriptor, job.uid, rights=1)
            _block_save_file(scratch, job.uid)
        finally:
            os.close(parent)
    except FileExistsError as error:
        raise NodeError(
            f"{error.filename} already exists, in {job.scratch} or next to it; the administrator must remove what "
            "another job has left"
        ) from error
    except OSError as error:
        raise NodeError(f"cannot make {job.scratch}{SUFFIX}: {error.strerror}; tell the administrator") from error
    return PrivateDir(job.scratch + SUFFIX, descriptor, scratch, job)


def check_parent(status: os.stat_result, path: str, uid: int) -> None:
    """Refuse a parent directory in which others than HTCondor and root could rename the private directory."""
    open_to_others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX
    if status.st_uid == uid or open_to_others:
        raise NodeError(
            f"{path}, the parent of the scratch directory, is writable for the users of jobs; the administrator must "
            "make EXECUTE belong to HTCondor's user, mode 755"
        )


def check_movable(scratch: str) -> None:
    """Raise NodeError if files cannot be moved from the scratch directory to its parent."""
    if os.stat(scratch).st_dev != os.stat(os.path.dirname(scratch)).st_dev:
        raise _unmovable(OSError(errno.EXDEV, os.strerror(errno.EXDEV)), "the job's disks")


def _block_save_file(scratch: int, uid: int) -> None:
    """Block HTCondor's save file with a root-owned directory of that name."""
    os.mkdir(SAVED_GUEST, 0o700, dir_fd=scratch)
    os.fchown(scratch, 0, 0)
    acl.grant(scratch, uid, rights=7)
    os.fchmod(
        scratch, stat.S_IMODE(os.fstat(scratch).st_mode) | stat.S_ISVTX
    )  # so that he can remove only his own files


def _unmovable(error: OSError, name: str) -> NodeError:
    hint = "tell the administrator"
    if error.errno == errno.EXDEV:
        hint = (
            "it is a separate file system (STARTD_ENFORCE_DISK_LIMITS), for which the administrator may set "
            "guest.guarded = false in the policy"
        )
    return NodeError(f"cannot move {name} out of the scratch directory: {error.strerror}; {hint}")
