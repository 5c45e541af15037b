"""Set POSIX access control lists of open files (acl(5); Linux' posix_acl_xattr.h)."""

from __future__ import annotations

import os
import struct

_NAME = "system.posix_acl_access"
_VERSION = 2
_OWNER, _USER, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
_NOBODY = 0xFFFFFFFF  # for entries without an id


def grant(descriptor: int, uid: int, rights: int, others: int) -> None:
    """Give a user `rights` to a file that belongs to root, and everybody else (including its group) `others`.

    rights, others: sums of 4 (read), 2 (write), 1 (execute, search). The owner may read, write and search.
    Raises OSError, for example if the file system does not support access control lists.
    """
    search = 1 if (rights | others) & 1 else 0
    entries = [
        (_OWNER, 6 | search, _NOBODY),
        (_USER, rights, uid),
        (_GROUP, others, _NOBODY),
        (_MASK, rights | others, _NOBODY),
        (_OTHER, others, _NOBODY),
    ]
    os.setxattr(
        descriptor, _NAME, struct.pack("<I", _VERSION) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    )
