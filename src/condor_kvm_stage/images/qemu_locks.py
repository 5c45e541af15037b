"""Detect what QEMU's locks would do to a guest: others that deny it an image, and a share that has no locks.

QEMU locks bytes of the files that it opens (block/file-posix.c, raw_apply_lock_bytes()): byte 100 + n means that it has
the permission n (QEMU's BLK_PERM_…: 0 consistent read, 1 write, 3 resize), byte 200 + n that nobody else may have it.
All are read locks, which many programs can hold at once. To detect the locks of others, QEMU queries whether it could
get a write lock, without taking it. So do we.
"""

import fcntl
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..failures import StageError

# From the permissions that no reader has (it has 100) to the denial of consistent read (200), which keeps readers away
# while the image is inconsistent: during a commit into its backing file. A reader denies others write and resize (201,
# 203). So a single query covers all of it; on NFS each query may be a request to the server.
_FIRST, _LAST = 101, 200
_READ = 100  # which every guest locks


def _flock(kind: int, first: int, last: int) -> bytes:
    """Return Linux' struct flock on 64-bit machines: type, whence, 4 bytes of padding; start; length; pid, padding."""
    fields = ((2, kind), (6, 0), (8, first), (8, last - first + 1), (8, 0))
    return b"".join(value.to_bytes(length, sys.byteorder) for length, value in fields)


def find_fault(descriptor: int, path: str, shown: str) -> "StageError | None":
    """Return why a guest could not start on an open image because of locks, None if it can.

    The lock that each guest takes is taken here: a share may answer queries and yet refuse locks (NFS 3 without
    rpc.statd). It ends when the descriptor is closed. It disturbs no other reader, because every one holds it.
    path: absolute, of the image. shown: the image in messages.
    """
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _flock(fcntl.F_WRLCK, _FIRST, _LAST))
    except OSError:  # any error, as in QEMU's qemu_has_file_lock(): it takes no locks there, and starts
        return None
    kind, start, length, pid = (
        int.from_bytes(answer[first:last], sys.byteorder, signed=True)
        for first, last in ((0, 2), (8, 16), (16, 24), (24, 28))
    )
    if kind != fcntl.F_UNLCK:
        from . import lock_failures

        return lock_failures.locked(shown, start, length, pid)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _flock(fcntl.F_RDLCK, _READ, _READ))
    except OSError as error:
        from . import lock_failures

        return lock_failures.not_lockable(path, shown, error)
    return None
