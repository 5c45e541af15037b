"""Set POSIX access control lists of open files (acl(5); Linux' posix_acl_xattr.h)."""

from __future__ import annotations

import os
import struct

_NAME = "system.posix_acl_access"
_VERSION = 2
_OWNER, _USER, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
_NOBODY = 0xFFFFFFFF  # for entries without an id


def grant(descriptor: int, uid: int, rights: int) -> None:
    """Give a user `rights` to a directory that belongs to root, and nobody else any.

    rights: a sum of 4 (list), 2 (write), 1 (search).
    Raises OSError, for example if the file system does not support access control lists.
    """
    entries = [
        (_OWNER, 7, _NOBODY),
        (_USER, rights, uid),
        (_GROUP, 0, _NOBODY),
        (_MASK, rights, _NOBODY),
        (_OTHER, 0, _NOBODY),
    ]
    os.setxattr(
        descriptor, _NAME, struct.pack("<I", _VERSION) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    )
