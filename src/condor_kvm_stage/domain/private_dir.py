"""A directory of root's beside the scratch directory, into which the job's disks are moved: what libvirt gets as paths.

libvirt acts on paths, as root, when the guest starts and when it ends: it gives the files to QEMU's user, and back. In
the scratch directory the job's user, in another job of his, could make a path lead elsewhere at any time between. Here
he can change nothing, and each name is that of the very file that was inspected. In the scratch directory a symlink
takes its place, for HTCondor, which transfers it as the user. Not a hard link: HTCondor would not count what the disk
takes. A disk belongs to root from then on, the user may read it: what was inspected does not change before QEMU has it.

The scratch directory itself becomes root's, too; the user may do in it what he could, but for one name. HTCondor saves
a guest that it suspends there, by libvirt, as root, and goes on from what it finds there later.

HTCondor removes the directory with the scratch directory, whose parent is the job's own; of older versions, and with
STARTER_NESTED_SCRATCH = False, the parent is EXECUTE, where janitor.py does.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from ..failures import ContactError, NodeError
from ..leftovers.private_dirs import SUFFIX
from . import acl
from .disks import check_own, missing
from .job import Job

# QEMU's user must get through, nobody need see what is in it
_MODE = 0o711
# XEN_MEM_SAVED_FILE of HTCondor (src/condor_vm-gahp). VM_SOFT_SUSPEND is not enough: a guest that has put
# itself to sleep cannot be paused, and then HTCondor saves it.
SAVED_GUEST = "xen.mem.ckpt"

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class PrivateDir:
    """An open shelter. path: its absolute path."""

    def __init__(self, path: str, descriptor: int, scratch: int, job: Job) -> None:
        self.path = path
        self._descriptor = descriptor
        self._scratch = scratch
        self._job = job

    def take_in(self, name: str) -> str:
        """Move a file of the scratch directory here. Returns its path. Raises StageError if it is not the job's own."""
        path = f"{self.path}/{name}"
        try:
            check_own(os.stat(name, dir_fd=self._scratch, follow_symlinks=False), self._job, name)
            os.rename(name, name, src_dir_fd=self._scratch, dst_dir_fd=self._descriptor)
        except FileNotFoundError as error:
            raise missing(error, name) from error
        except OSError as error:
            raise _unmovable(error, name) from error
        try:
            file = os.open(name, _READ, dir_fd=self._descriptor)
            try:
                check_own(os.fstat(file), self._job, name)  # once more, here, where it stays what it is
                _take_over(file, self._job.uid, name)
            finally:
                os.close(file)
            os.symlink(path, name, dir_fd=self._scratch)
            # HTCondor removes it as the user, if nothing is to come back
            os.chown(name, self._job.uid, self._job.gid, dir_fd=self._scratch, follow_symlinks=False)
        except OSError as error:
            raise NodeError(
                f"cannot take {name} over from the job: {error.strerror}; tell the administrator"
            ) from error
        return path

    def read(self, name: str, most: int) -> bytes:
        """Return the first bytes of a regular file in the scratch directory, none if there is none."""
        try:
            file = os.open(name, _READ, dir_fd=self._scratch)
            try:
                return os.read(file, most) if stat.S_ISREG(os.fstat(file).st_mode) else b""
            finally:
                os.close(file)
        except OSError:
            return b""

    def make_fifo(self, name: str) -> str:
        """Make a FIFO here. Returns its path."""
        os.mkfifo(name, 0o600, dir_fd=self._descriptor)
        return f"{self.path}/{name}"


def make(job: Job) -> PrivateDir:
    """Make the shelter for a scratch directory, which must belong to the job's user. Raises NodeError."""
    parent_path, name = os.path.split(job.scratch)
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        parent = os.open(parent_path, flags)
        try:
            _check_parent(os.fstat(parent), parent_path, job.uid)
            scratch = os.open(name, flags, dir_fd=parent)
            if os.fstat(scratch).st_uid != job.uid:
                raise NodeError(f"the scratch directory {job.scratch} does not belong to the job's user")
            os.mkdir(name + SUFFIX, 0o700, dir_fd=parent)
            descriptor = os.open(name + SUFFIX, flags, dir_fd=parent)
            os.fchmod(descriptor, _MODE)  # whatever the umask
            _keep_free(scratch, job.uid)
        finally:
            os.close(parent)
    except FileExistsError as error:
        raise NodeError(
            f"{error.filename} is there already, in {job.scratch} or beside it; the administrator must remove what "
            "another job has left"
        ) from error
    except OSError as error:
        raise NodeError(f"cannot make {job.scratch}{SUFFIX}: {error.strerror}; tell the administrator") from error
    return PrivateDir(job.scratch + SUFFIX, descriptor, scratch, job)


def _check_parent(status: os.stat_result, path: str, uid: int) -> None:
    """What is made there must stay there: nobody but HTCondor and root may rename it."""
    open_to_others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX
    if status.st_uid == uid or open_to_others:
        raise NodeError(
            f"{path}, where the scratch directory lies, can be written to by the users of jobs; the administrator must "
            "see to it that EXECUTE belongs to HTCondor's user, mode 755"
        )


def check_movable(scratch: str) -> None:
    """Raise NodeError if files cannot be moved from the scratch directory to beside it."""
    if os.stat(scratch).st_dev != os.stat(os.path.dirname(scratch)).st_dev:
        raise _unmovable(OSError(errno.EXDEV, os.strerror(errno.EXDEV)), "the job's disks")


def _keep_free(scratch: int, uid: int) -> None:
    """Let there be no file in the scratch directory in which HTCondor could save the guest."""
    os.mkdir(SAVED_GUEST, 0o700, dir_fd=scratch)
    os.fchown(scratch, 0, 0)
    acl.grant(scratch, uid, rights=7, others=5)  # QEMU's user gets through, as HTCondor has provided
    os.fchmod(scratch, stat.S_IMODE(os.fstat(scratch).st_mode) | stat.S_ISVTX)  # so that he removes his own files only


def _take_over(file: int, uid: int, name: str) -> None:
    """Make a file root's, which the job's user can read. Raises ContactError if somebody has it open for writing."""
    os.fchown(file, 0, 0)
    acl.grant(file, uid, rights=4, others=0)
    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        if error.errno == errno.EAGAIN:
            raise ContactError(
                f"disk {name} is open for writing in another program; let no other job write to it", check="in_use"
            ) from error
        # else the file system has no leases (fcntl(2)), and who has it open is not known


def _unmovable(error: OSError, name: str) -> NodeError:
    hint = "tell the administrator"
    if error.errno == errno.EXDEV:
        hint = (
            "it is a file system of its own (STARTD_ENFORCE_DISK_LIMITS), for which the administrator may set "
            "guest.guarded = false in the policy"
        )
    return NodeError(f"cannot move {name} out of the scratch directory: {error.strerror}; {hint}")
