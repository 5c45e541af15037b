"""Remove libvirt's old logs of jobs' guests: libvirt keeps one for each name, and each job has another name."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..host import Host
from ..installed import GUEST_LOGS
from ..leftovers import guest_status
from ..leftovers.private_dirs import SUFFIX

AGE = 7 * 86400  # seconds since the last line
EVERY = 3600  # seconds between two looks: each reads what is old and not a job's
_NAME = re.compile(r"(?P<guest>.+)\.log(\.[0-9]+)?")  # virtlogd rotates them
_BEGIN = 1 << 16  # bytes, which hold QEMU's arguments
# In QEMU's arguments: a disk in a job's private directory
_MARK = f"{SUFFIX}/".encode()


def remove_old(host: Host, now: int) -> list[str]:
    """Remove logs of guests of jobs that have ended a week ago. Returns their paths."""
    removed = []
    for name in host.names(GUEST_LOGS):
        match = _NAME.fullmatch(name)
        path = host.path(f"{GUEST_LOGS}/{name}")
        if match and _is_old(path, now) and not _has_guest(host, match["guest"]) and _is_of_job(path):
            path.unlink(missing_ok=True)
            removed.append(f"{GUEST_LOGS}/{name}")
    return removed


def _is_old(path: Path, now: int) -> bool:
    try:
        return now - os.lstat(path).st_mtime > AGE
    except OSError:
        return False


def _has_guest(host: Host, name: str) -> bool:
    """Return whether libvirt has a guest of that name, which runs or is defined."""
    return host.exists(f"{guest_status.DIRECTORY}/{name}.xml") or host.exists(f"/etc/libvirt/qemu/{name}.xml")


def _is_of_job(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return _MARK in file.read(_BEGIN)
    except OSError:
        return False
