"""What libvirt's daemon has written down about a running guest, in /run: its process, its state. For root.

Asking libvirt itself takes 50 ms of a processor, and an answer that does not come if its daemon hangs. The daemon
replaces these files when the state changes, and removes them when a guest has ended, after it has logged why.
"""

from __future__ import annotations

import os
from xml.etree import ElementTree

from ..record import dataclass
from . import metadata
from .metadata import Domain, JobRef

DIRECTORY = "/run/libvirt/qemu"
_SUFFIX = ".xml"


@dataclass(frozen=True)
class GuestStatus:
    """A job's guest, as libvirt's daemon has it."""

    name: str
    uuid: str
    job: JobRef
    pid: int  # of QEMU
    state: str  # as virsh domstate prints it, such as "running", "paused"
    reason: str  # of the state, such as "booted", "ioerror"
    definition: ElementTree.Element  # its element `domain`, for guest_definition.py


def of_job(starter: int, started: int) -> GuestStatus | None:
    """Return the guest of a starter's job, None if it has none. started: when the starter started, in clock ticks."""
    try:
        names = [name for name in os.listdir(DIRECTORY) if name.endswith(_SUFFIX)]
    except OSError:
        return None
    for name in names:
        found = of_name(name[: -len(_SUFFIX)])
        if found and (found.job.starter, found.job.started) == (starter, started):
            return found
    return None


def of_name(name: str) -> GuestStatus | None:
    """Return the guest of a name, None if there is none that is a job's and has a process."""
    try:
        root = ElementTree.parse(f"{DIRECTORY}/{name}{_SUFFIX}").getroot()
    except (OSError, ElementTree.ParseError):
        return None
    definition, pid = root.find("domain"), root.get("pid", "")
    if definition is None or not pid.isdecimal() or int(pid) == 0:
        return None
    domain = metadata.of_definition(definition)
    if not isinstance(domain, Domain) or domain.name != name:
        return None
    state, reason = root.get("state", ""), root.get("reason", "")
    return GuestStatus(name, domain.uuid, domain.job, int(pid), state, reason, definition)


def exists(name: str) -> bool:
    """Return whether libvirt has a guest of this name, of a job or not."""
    return os.path.lexists(f"{DIRECTORY}/{name}{_SUFFIX}")
