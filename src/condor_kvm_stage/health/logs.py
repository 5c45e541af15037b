"""Remove what libvirt keeps for ever of jobs' guests: a log for each name, an AppArmor profile for each start."""

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
_DEFINITIONS = "/etc/libvirt/qemu"
_UUID = re.compile(rb" -uuid ([0-9a-f-]{36})\b")
# virt-aa-helper's. Beside it is one with .files as long as the guest runs (libvirt's manual, "QEMU driver")
_PROFILE = "/etc/apparmor.d/libvirt/libvirt-{uuid}"


def remove_old(host: Host, now: int) -> list[str]:
    """Remove logs of guests of jobs that have ended a week ago, and profiles of guests that these name.

    Returns the paths of the logs.
    """
    removed = []
    for name in host.names(GUEST_LOGS):
        match = _NAME.fullmatch(name)
        path = host.path(f"{GUEST_LOGS}/{name}")
        if match and _is_old(path, now) and not _has_guest(host, match["guest"]):
            begin = _begin(path)
            if _MARK in begin:
                _remove_profiles(host, begin)
                path.unlink(missing_ok=True)
                removed.append(f"{GUEST_LOGS}/{name}")
    return removed


def _remove_profiles(host: Host, log: bytes) -> None:
    """Remove the profiles of the guests that a log names, except of one that runs or is defined.

    QEMU can write to its log, so what stands there need not be of the job's guest.
    """
    profiles = {uuid: _PROFILE.format(uuid=uuid) for uuid in (each.decode("ascii") for each in _UUID.findall(log))}
    idle = {uuid: path for uuid, path in profiles.items() if host.exists(path) and not host.exists(f"{path}.files")}
    defined = _defined(host) if idle else ""
    for uuid, path in idle.items():
        if uuid not in defined:
            host.path(path).unlink(missing_ok=True)


def _defined(host: Host) -> str:
    """Return the definitions of all guests that are defined."""
    names = [name for name in host.names(_DEFINITIONS) if name.endswith(".xml")]
    return "".join(host.text(f"{_DEFINITIONS}/{name}") or "" for name in names)


def _is_old(path: Path, now: int) -> bool:
    try:
        return now - os.lstat(path).st_mtime > AGE
    except OSError:
        return False


def _has_guest(host: Host, name: str) -> bool:
    """Return whether libvirt has a guest of that name, which runs or is defined."""
    return host.exists(f"{guest_status.DIRECTORY}/{name}.xml") or host.exists(f"{_DEFINITIONS}/{name}.xml")


def _begin(path: Path) -> bytes:
    """Return the first bytes of a file, none if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(_BEGIN)
    except OSError:
        return b""
