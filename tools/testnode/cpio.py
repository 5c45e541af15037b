"""Archives for an initramfs: cpio in the format "newc" (the kernel's initramfs-buffer-format)."""

from __future__ import annotations

import itertools
import stat
from collections.abc import Iterable
from dataclasses import dataclass

_TRAILER = "TRAILER!!!"


@dataclass(frozen=True)
class Entry:
    """A file or directory, owned by root. Its parents come before it."""

    path: str
    mode: int  # st_mode, including the type
    content: bytes = b""

    @classmethod
    def directory(cls, path: str) -> Entry:
        return cls(path, stat.S_IFDIR | 0o755)

    @classmethod
    def file(cls, path: str, content: bytes, *, executable: bool = False) -> Entry:
        return cls(path, stat.S_IFREG | (0o755 if executable else 0o644), content)


def archive(entries: Iterable[Entry]) -> bytes:
    """Return the archive, uncompressed. Reproducible: the same entries give the same bytes."""
    last = Entry(_TRAILER, 0)
    return b"".join(_member(number, entry) for number, entry in enumerate(itertools.chain(entries, [last])))


def _member(inode: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    links, size = 1, len(entry.content)
    # inode, mode, uid, gid, links, mtime, size, device (2), device number (2), length of the name, checksum
    fields = (inode, entry.mode, 0, 0, links, 0, size, 0, 0, 0, 0, len(name), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + name) + _padded(entry.content)


def _padded(part: bytes) -> bytes:
    return part + bytes(-len(part) % 4)
