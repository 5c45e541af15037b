"""A share that counts requests, as a FUSE file system. Runs with the node's Python, as root.

usage: counting_share.py DIRECTORY COUNTS

It is mounted over the directory, and shows its files read-only. Once it is unmounted, it writes a JSON object into the
file COUNTS: `requests`, and `bytes` that were read. The kernel reads ahead and caches as for any share; attributes and
names are cached for 3 seconds, as on NFS. The kernel handles locks itself; with NFS it asks the server.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path

import pyfuse3
import trio

_KNOWN = 3  # seconds
_ROOT = pyfuse3.ROOT_INODE


class CountingShare(pyfuse3.Operations):  # type: ignore[misc]
    """The files of one directory. `forget` is not counted: no other network file system has the like."""

    def __init__(self, directory: int) -> None:
        super().__init__()
        self._names: dict[int, bytes] = {}
        self._directory = directory
        self.requests = self.bytes = 0

    async def lookup(self, parent: int, name: bytes, ctx: object = None) -> pyfuse3.EntryAttributes:
        self.requests += 1
        try:
            status = os.lstat(name, dir_fd=self._directory)
        except OSError as error:
            raise pyfuse3.FUSEError(error.errno) from None
        self._names[status.st_ino] = name
        return _attributes(status, status.st_ino)

    async def getattr(self, inode: int, ctx: object = None) -> pyfuse3.EntryAttributes:
        self.requests += 1
        if inode == _ROOT:
            return _attributes(os.fstat(self._directory), _ROOT)
        return _attributes(os.lstat(self._names[inode], dir_fd=self._directory), inode)

    async def open(self, inode: int, flags: int, ctx: object) -> pyfuse3.FileInfo:
        self.requests += 1
        return pyfuse3.FileInfo(fh=os.open(self._names[inode], os.O_RDONLY, dir_fd=self._directory))

    async def read(self, handle: int, offset: int, size: int) -> bytes:
        self.requests += 1
        data = os.pread(handle, size, offset)
        self.bytes += len(data)
        return data

    async def flush(self, handle: int) -> None:
        self.requests += 1

    async def release(self, handle: int) -> None:
        self.requests += 1
        os.close(handle)

    async def getxattr(self, inode: int, name: bytes, ctx: object) -> bytes:
        self.requests += 1
        raise pyfuse3.FUSEError(errno.ENOTSUP)


def _attributes(status: os.stat_result, inode: int) -> pyfuse3.EntryAttributes:
    attributes = pyfuse3.EntryAttributes()
    for name in ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_atime_ns", "st_mtime_ns", "st_ctime_ns"):
        setattr(attributes, name, getattr(status, name))
    attributes.st_ino = inode
    attributes.attr_timeout = attributes.entry_timeout = _KNOWN
    return attributes


share = CountingShare(os.open(sys.argv[1], os.O_PATH | os.O_DIRECTORY))  # before another one hides it
pyfuse3.init(share, sys.argv[1], {"fsname=filer:/images", "allow_other", "default_permissions"})
try:
    trio.run(pyfuse3.main)
finally:
    pyfuse3.close(unmount=False)
    complete = Path(f"{sys.argv[2]}.new")
    complete.write_text(json.dumps({"requests": share.requests, "bytes": share.bytes}), encoding="utf-8")
    complete.rename(sys.argv[2])
