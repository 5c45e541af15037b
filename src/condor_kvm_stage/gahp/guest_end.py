"""How a guest has ended, from libvirt's log of it, and the exit status that its job gets."""

from __future__ import annotations

import enum
import os
import posix
import re

from .. import installed

_MOST = 1 << 20  # bytes at the end of a log that are searched
# libvirt's qemuProcessStop(); QEMU's own messages are in the same log
_LINE = re.compile(rb"^[-0-9:. +]+: shutting down, reason=([a-z-]+)$", re.MULTILINE)


class End(enum.Enum):
    """How a guest ended. The value is the job's exit status."""

    POWERED_OFF = posix.EX_OK
    STUCK = posix.EX_IOERR  # ended by us, because it could not continue
    CRASHED = posix.EX_SOFTWARE  # QEMU ended without a word
    HALTED = posix.EX_OSERR  # ended by us, because KVM could not run it any further
    DESTROYED = posix.EX_TEMPFAIL  # by whoever may use libvirt on the node

    @property
    def text(self) -> str:
        """What a user is told, "" for an orderly end."""
        return _TEXTS[self]


_TEXTS = {
    End.POWERED_OFF: "",
    End.STUCK: "the guest is paused by an I/O error: the node's disk, or another one that it writes to, is full",
    End.HALTED: "KVM could not run the guest any further, and QEMU has paused it (internal error): a bug in the guest, "
    "in KVM or in the node's processor",
    End.CRASHED: "QEMU ended unexpectedly: killed, out of memory, or a bug",
    End.DESTROYED: "the guest was destroyed on the node, not by HTCondor",
}
_ENDS = {b"shutdown": End.POWERED_OFF, b"crashed": End.CRASHED, b"destroyed": End.DESTROYED}


def log_size(name: str) -> int:
    """Return the size of a guest's log, to which libvirt appends; 0 if there is none."""
    try:
        return os.stat(f"{installed.GUEST_LOGS}/{name}.log").st_size
    except OSError:
        return 0


def read(name: str, offset: int) -> End | None:
    """Return how a guest has ended, None if libvirt does not say. offset: log_size() while it was running."""
    try:
        with open(f"{installed.GUEST_LOGS}/{name}.log", "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(offset if offset <= size else 0, size - _MOST))  # a rotated log begins again
            found = _LINE.findall(file.read(_MOST))
    except OSError:
        return None
    return _ENDS.get(found[-1]) if found else None
