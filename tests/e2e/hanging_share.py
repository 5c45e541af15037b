"""A share that does not answer, as a FUSE file system: `hanging_share.py MOUNTPOINT`. Runs with the node's Python."""

from __future__ import annotations

import stat
import sys

import pyfuse3
import trio


class HangingShare(pyfuse3.Operations):  # type: ignore[misc]
    """A directory that all may search. To look for a file in it takes for ever."""

    async def getattr(self, inode: int, ctx: object = None) -> pyfuse3.EntryAttributes:
        attributes = pyfuse3.EntryAttributes()
        attributes.st_ino = inode
        attributes.st_mode = stat.S_IFDIR | 0o755
        return attributes

    async def lookup(self, parent: int, name: bytes, ctx: object = None) -> pyfuse3.EntryAttributes:
        await trio.sleep_forever()


pyfuse3.init(HangingShare(), sys.argv[1], {"fsname=filer:/hanging", "allow_other"})
trio.run(pyfuse3.main)
