"""Detect whether QEMU has locked an image so that no other QEMU could read it as a backing file.

QEMU locks bytes of the files that it opens (block/file-posix.c, raw_apply_lock_bytes()): byte 100 + n means that it has
the permission n (QEMU's BLK_PERM_…: 0 consistent read, 1 write, 3 resize), byte 200 + n that nobody else may have it.
All are read locks, which many programs can hold at once. To detect the locks of others, QEMU queries whether it could
get a write lock, without taking it. So do we.
"""

import fcntl
import sys

# From the permissions that no reader has (it has 100) to the denial of consistent read (200), which keeps readers away
# while the image is inconsistent: during a commit into its backing file. A reader denies others write and resize (201,
# 203). So a single query covers all of it; on NFS each query may be a request to the server.
_FIRST, _LAST = 101, 200


def is_written(descriptor: int) -> bool:
    """Return whether a program has locked an open image for writing. A guest would not start on an overlay of it.

    False if that cannot be determined, for example on a share without locks: QEMU takes none there, and starts.
    """
    # Linux' struct flock on 64-bit machines: type, whence, 4 bytes of padding; start; length; pid (0), padding
    question = b"".join(
        value.to_bytes(length, sys.byteorder)
        for length, value in ((2, fcntl.F_WRLCK), (6, 0), (8, _FIRST), (8, _LAST - _FIRST + 1), (8, 0))
    )
    try:
        answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, question)
    except OSError:  # any error, as in QEMU's qemu_has_file_lock()
        return False
    return int.from_bytes(answer[:2], sys.byteorder) != fcntl.F_UNLCK
