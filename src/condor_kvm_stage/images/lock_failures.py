"""What the user is told about locks: who has one, as far as that is known, and what helps. For failures only.

Whoever may read a file can lock it, and a server keeps the lock of a client that has died (NFS 3 without rpc.statd, a
lease that does not expire). So a message says only what the lock shows, not that somebody writes to the image.
"""

import errno
import posix

from ..failures import ContactError, StageError
from ..share.faults import on_share

# QEMU's bytes (qemu_locks.py). No other program is known to lock single bytes there.
_WRITER = range(101, 200)
_QEMU = range(100, 300)

# What a share without a lock manager answers. A fault of the share has other numbers.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


def locked(shown: str, start: int, length: int, pid: int) -> ContactError:
    """Return the failure that the lock of another program denies a guest an image.

    start, length: the bytes of the lock, length 0 for all to the end. pid: of a process on this node, 0 if it is not
    known. For QEMU's locks it never is: they belong to an open file, not to a process.
    """
    host = posix.uname().nodename
    who = f"process {pid} on {host}" if pid > 0 else f"another program, on {host} or on another node"
    last = start + length - 1
    if not length or start not in _QEMU or last not in _QEMU:
        how = "with a lock on the whole file" if not length else f"with a lock on the bytes {start} to {last}"
        how += ", which is not how QEMU does it"
    elif start <= _WRITER[-1] and last >= _WRITER[0]:
        how = "in the way in which QEMU locks a disk that it writes to"
    else:
        how = "in the way in which QEMU keeps readers off, for example during a commit into the image"
    return in_use(shown, f"locked by {who}, {how}")


def in_use(shown: str, state: str) -> ContactError:
    """Return the failure for an image in a state, for example "locked by another program"."""
    return ContactError(
        f"{shown} is {state}, so no guest could read it; wait until that program has ended, and try again; if no "
        "program has it open, a client that died has left the lock: the administrator of the server must remove it",
        check="in_use",
    )


def not_lockable(path: str, shown: str, error: OSError) -> StageError:
    """Return the failure that the lock which QEMU will take cannot be taken."""
    if error.errno == errno.EAGAIN:  # between the query and the attempt, or a lock on the one byte alone
        return in_use(shown, "locked by another program")
    no_locks = ContactError(
        f"{shown} cannot be locked: {error.strerror}; QEMU locks every image that it opens, so no guest could start; "
        f"tell the administrator of {posix.uname().nodename}: the share must have locks (NFS 3 needs rpc.statd on the "
        "server and on the node, NFS 4 does not)",
        check="locks",
        code=error.errno or 0,
    )
    # one that refuses may have no locks, too, or take the user's ticket no longer
    return no_locks if error.errno in _NO_LOCKS else on_share(error, path, f"lock {shown}", refused=no_locks)
