"""A FUSE file system that passes a directory through, with the fault that a file names: a share that can be broken.

usage: faultfs.py SOURCE MOUNT_POINT ORDER_FILE

The order file holds `KIND OPERATION ALLOWANCE`, and is read again at each operation. KIND is `hang` (until the order
changes), `slow` (each operation takes some time, one after the other) or the name of an errno, as `EIO`. OPERATION
is the name of a method below, or `all`. ALLOWANCE is what passes before that: bytes for read and write, calls for
the others, counted from the order's arrival. `ok all 0` means no fault.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from mfusepy import FUSE, fuse_get_context  # type: ignore[import-untyped]

SLOWNESS = 0.05  # seconds for one operation
_PID = 24  # where a struct flock has the process, which is 0 where an open file has the lock
_FLOCK = 32  # its length
_INTERVAL = 0.02  # seconds between two looks at the order of one that hangs


class FaultFs:
    """The operations, as mfusepy calls them: their names, arguments and order are its."""

    use_ns = True  # times are nanoseconds

    def __init__(self, source: str, order_file: str) -> None:
        self._source = source
        self._order_file = Path(order_file)
        self._lock = threading.Lock()
        self._order = ""
        self._used = 0
        self._one_at_a_time = threading.Lock()

    def _meet_fault(self, operation: str, amount: int = 1) -> None:
        counted = False
        while True:
            with self._lock:
                order = self._order_file.read_text(encoding="ascii")
                if order != self._order:
                    self._order, self._used = order, 0
                kind, afflicted, allowance = order.split()
                if kind == "ok" or afflicted not in (operation, "all"):
                    return
                self._used += 0 if counted else amount
                counted = True
                if self._used <= int(allowance):
                    return
            if kind == "slow":
                with self._one_at_a_time:
                    time.sleep(SLOWNESS)
                return
            if kind != "hang":
                code = getattr(errno, kind)
                raise OSError(code, os.strerror(code))
            time.sleep(_INTERVAL)

    def getattr(self, path: str, handle: int | None = None) -> dict[str, int]:
        self._meet_fault("getattr")
        status = os.lstat(self._source + path) if handle is None else os.fstat(handle)
        names = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_blocks")
        times = {f"st_{which}time": getattr(status, f"st_{which}time_ns") for which in "amc"}
        return {name: getattr(status, name) for name in names} | times

    def readdir(self, path: str, handle: int) -> list[str]:
        self._meet_fault("readdir")
        return [".", "..", *os.listdir(self._source + path)]

    def open(self, path: str, flags: int) -> int:
        self._meet_fault("open")
        return os.open(self._source + path, flags)

    def create(self, path: str, mode: int, flags: int) -> int:
        self._meet_fault("create")
        handle = os.open(self._source + path, flags | os.O_CREAT, mode)
        user, group, _ = fuse_get_context()
        os.fchown(handle, user, group)
        return handle

    def read(self, path: str, size: int, offset: int, handle: int) -> bytes:
        self._meet_fault("read", size)
        return os.pread(handle, size, offset)

    def write(self, path: str, data: bytes, offset: int, handle: int) -> int:
        self._meet_fault("write", len(data))
        return os.pwrite(handle, data, offset)

    def lseek(self, offset: int, whence: int, handle: int) -> int:
        self._meet_fault("lseek")
        return os.lseek(handle, offset, whence)

    def truncate(self, path: str, length: int, handle: int | None = None) -> None:
        self._meet_fault("truncate")
        os.truncate(self._source + path if handle is None else handle, length)

    def flush(self, path: str, handle: int) -> None:
        self._meet_fault("flush")

    def fsync(self, path: str, only_data: int, handle: int) -> None:
        self._meet_fault("fsync")

    def lock(self, handle: int, command: int, request: bytes) -> bytes:
        """Query, take or release a lock, each open file for itself. request: a struct flock; so is the result."""
        self._meet_fault("getlk" if command == fcntl.F_GETLK else "setlk")
        passed_on = fcntl.F_OFD_GETLK if command == fcntl.F_GETLK else fcntl.F_OFD_SETLK
        return fcntl.fcntl(handle, passed_on, request[:_PID] + bytes(len(request) - _PID))

    def release(self, path: str, handle: int) -> None:
        os.close(handle)

    def link(self, path: str, existing: str) -> None:
        self._meet_fault("link")
        os.link(self._source + existing, self._source + path)

    def rename(self, old: str, new: str) -> None:
        self._meet_fault("rename")
        os.rename(self._source + old, self._source + new)

    def unlink(self, path: str) -> None:
        self._meet_fault("unlink")
        os.unlink(self._source + path)


class _Fuse(FUSE):  # type: ignore[misc]
    """mfusepy declares lseek and lock, but does not pass them on."""

    def lseek(self, path: bytes, offset: int, whence: int, info: Any) -> int:
        position: int = self.operations.lseek(offset, whence, info.contents.fh)
        return position

    def lock(self, path: bytes, info: Any, command: int, flock: Any) -> int:
        answer: bytes = self.operations.lock(info.contents.fh, command, ctypes.string_at(flock, _FLOCK))
        ctypes.memmove(flock, answer, len(answer))
        return 0


if __name__ == "__main__":
    _Fuse(
        FaultFs(sys.argv[1], sys.argv[3]),
        sys.argv[2],
        foreground=True,
        allow_other=True,
        default_permissions=True,  # the kernel checks modes, for this process is root
        # nothing is cached, so that each fault is met
        direct_io=True,
        attr_timeout=0,
        entry_timeout=0,
        negative_timeout=0,
        hard_remove=True,
        max_threads=64,  # as many operations may hang at once
        max_idle_threads=8,  # libfuse 3.14 grumbles at its own default
    )
