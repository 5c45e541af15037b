"""A share that tells who has locks, and gives none: `share_without_locks.py MOUNT_POINT FILE`, as root.

As NFS 3 without rpc.statd. FILE is its `base.qcow2`, read-only. It speaks the kernel's protocol itself (linux/fuse.h),
because the node's FUSE library for Python knows nothing of locks.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import struct
import sys
from pathlib import Path

INIT, FORGET, BATCH_FORGET, INTERRUPT = 26, 2, 42, 36
LOOKUP, GETATTR, OPEN, OPENDIR, READ = 1, 3, 14, 27, 15
RELEASE, RELEASEDIR, FLUSH, ACCESS = 18, 29, 25, 34
GETLK, SETLK, SETLKW = 31, 32, 33
POSIX_LOCKS = 1 << 1  # a flag of INIT: locks are the server's affair
ROOT, FILE = 1, 2  # inodes
NAME = b"base.qcow2"
CACHED = 60  # seconds
MOUNT_FLAGS = 1 | 2 | 4  # read-only, nosuid, nodev


def mount(mount_point: str) -> int:
    """Mount it. Returns the descriptor by which the kernel asks."""
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"filer:/export", mount_point.encode(), b"fuse.share", MOUNT_FLAGS, options.encode()):
        raise OSError(ctypes.get_errno(), "cannot mount")
    return device


def attributes(inode: int, size: int) -> bytes:
    mode = stat.S_IFDIR | 0o755 if inode == ROOT else stat.S_IFREG | 0o644
    return struct.pack("<QQQQQQIIIIIIIIII", inode, size, -(-size // 512), 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def answer(opcode: int, inode: int, body: bytes, data: bytes) -> bytes | int:
    """Return what a request gets: bytes, or an errno."""
    if opcode == INIT:
        _, minor, read_ahead, _ = struct.unpack_from("<IIII", body)
        return struct.pack("<IIIIHHIIHHI28x", 7, min(minor, 31), read_ahead, POSIX_LOCKS, 12, 10, 1 << 17, 1, 32, 0, 0)
    if opcode == LOOKUP and body.rstrip(b"\0") == NAME:
        return struct.pack("<QQQQII", FILE, 0, CACHED, CACHED, 0, 0) + attributes(FILE, len(data))
    if opcode == GETATTR:
        return struct.pack("<QII", CACHED, 0, 0) + attributes(inode, len(data) if inode == FILE else 4096)
    if opcode in (OPEN, OPENDIR):
        return struct.pack("<QII", 1, 0, 0)
    if opcode == READ:
        _, offset, size = struct.unpack_from("<QQI", body)
        return data[offset : offset + size]
    if opcode == GETLK:
        return struct.pack("<QQII", 0, 0, 2, 0)  # F_UNLCK: nobody has one
    if opcode in (RELEASE, RELEASEDIR, FLUSH, ACCESS):
        return b""
    return {LOOKUP: errno.ENOENT, SETLK: errno.ENOLCK, SETLKW: errno.ENOLCK}.get(opcode, errno.ENOSYS)


def serve(device: int, data: bytes) -> None:
    """Answer until it is unmounted, which is an OSError."""
    while True:
        message = os.read(device, 1 << 20)
        _, opcode, unique, inode = struct.unpack_from("<IIQQ", message)
        if opcode in (FORGET, BATCH_FORGET, INTERRUPT):
            continue
        got = answer(opcode, inode, message[40:], data)
        payload, error = (b"", got) if isinstance(got, int) else (got, 0)
        with contextlib.suppress(FileNotFoundError):  # who asked was interrupted
            os.write(device, struct.pack("<IiQ", 16 + len(payload), -error, unique) + payload)


if __name__ == "__main__":
    serve(mount(sys.argv[1]), Path(sys.argv[2]).read_bytes())
