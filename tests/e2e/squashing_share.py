"""A share that squashes root, as NFS does: `squashing_share.py DIRECTORY MOUNT_POINT`. Runs with the node's Python.

It shows a directory of the node. Each request is made with the caller's rights there, and root's with nobody's: what is
not open to all is closed to root. Nothing is cached, so that the kernel asks for each user.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import Any

import pyfuse3
import trio

_NOBODY = 65534


@contextlib.contextmanager
def _as_caller(context: Any) -> Iterator[None]:
    """Have the caller's rights, nobody's for root; report errors to the kernel."""
    squashed = context.uid == 0
    os.setegid(_NOBODY if squashed else context.gid)
    os.seteuid(_NOBODY if squashed else context.uid)
    try:
        yield
    except OSError as error:
        raise pyfuse3.FUSEError(error.errno or errno.EIO) from None
    finally:
        os.seteuid(0)
        os.setegid(0)


class SquashingShare(pyfuse3.Operations):  # type: ignore[misc]
    """The directory, by paths: inode numbers are places in a list of these."""

    def __init__(self, directory: str) -> None:
        super().__init__()
        self._paths = ["", directory]  # pyfuse3.ROOT_INODE is 1

    def _path(self, parent: int, name: bytes) -> str:
        return f"{self._paths[parent]}/{os.fsdecode(name)}"

    def _entry(self, path: str) -> pyfuse3.EntryAttributes:
        status = os.lstat(path)
        if path not in self._paths:
            self._paths.append(path)
        entry = pyfuse3.EntryAttributes()
        for name in ("mode", "nlink", "uid", "gid", "size", "blocks", "atime_ns", "mtime_ns", "ctime_ns"):
            setattr(entry, f"st_{name}", getattr(status, f"st_{name}"))
        entry.st_ino = self._paths.index(path)
        entry.attr_timeout = entry.entry_timeout = 0
        return entry

    async def getattr(self, inode: int, ctx: Any = None) -> pyfuse3.EntryAttributes:
        return self._entry(self._paths[inode])

    async def lookup(self, parent: int, name: bytes, ctx: Any = None) -> pyfuse3.EntryAttributes:
        with _as_caller(ctx):
            return self._entry(self._path(parent, name))

    async def access(self, inode: int, mode: int, ctx: Any = None) -> bool:
        with _as_caller(ctx):
            return os.access(self._paths[inode], mode, effective_ids=True)

    async def open(self, inode: int, flags: int, ctx: Any = None) -> pyfuse3.FileInfo:
        with _as_caller(ctx):
            return pyfuse3.FileInfo(fh=os.open(self._paths[inode], flags & ~os.O_NOFOLLOW))

    async def create(
        self, parent: int, name: bytes, mode: int, flags: int, ctx: Any
    ) -> tuple[pyfuse3.FileInfo, pyfuse3.EntryAttributes]:
        path = self._path(parent, name)
        with _as_caller(ctx):
            file = os.open(path, flags | os.O_CREAT, mode & ~ctx.umask)
            return pyfuse3.FileInfo(fh=file), self._entry(path)

    async def read(self, fh: int, off: int, size: int) -> bytes:
        return os.pread(fh, size, off)

    async def write(self, fh: int, off: int, buf: bytes) -> int:
        return os.pwrite(fh, buf, off)

    async def fsync(self, fh: int, datasync: bool) -> None:
        os.fsync(fh)

    async def setattr(self, inode: int, attr: Any, fields: Any, fh: int | None, ctx: Any) -> pyfuse3.EntryAttributes:
        with _as_caller(ctx):
            if fields.update_size:
                os.truncate(self._paths[inode] if fh is None else fh, attr.st_size)
            return self._entry(self._paths[inode])

    async def link(self, inode: int, new_parent: int, new_name: bytes, ctx: Any) -> pyfuse3.EntryAttributes:
        path = self._path(new_parent, new_name)
        with _as_caller(ctx):
            os.link(self._paths[inode], path)
            self._paths[inode] = path  # the only other name goes next
            return self._entry(path)

    async def unlink(self, parent: int, name: bytes, ctx: Any) -> None:
        with _as_caller(ctx):
            os.unlink(self._path(parent, name))

    async def release(self, fh: int) -> None:
        os.close(fh)

    async def opendir(self, inode: int, ctx: Any) -> int:
        with _as_caller(ctx):
            os.listdir(self._paths[inode])
        return inode

    async def readdir(self, fh: int, start: int, token: Any) -> None:
        for number, name in enumerate(sorted(os.listdir(self._paths[fh]))[start:], start + 1):
            if not pyfuse3.readdir_reply(token, os.fsencode(name), self._entry(f"{self._paths[fh]}/{name}"), number):
                break


os.setgroups([])
pyfuse3.init(SquashingShare(sys.argv[1]), sys.argv[2], {"fsname=filer:/export", "allow_other"})
trio.run(pyfuse3.main)
