"""Whether QEMU can run as the job's user here, who has only the rights of everybody on the node's own files."""

from __future__ import annotations

import stat

from ...host import Host
from ...installed import DOMAINS
from ...record import dataclass
from ..outcome import PASSED, Outcome, failed, not_tried
from .kvm import DEVICE

_READ_WRITE = stat.S_IROTH | stat.S_IWOTH


@dataclass(frozen=True)
class GuestUser:
    """What the job's user may do."""

    device: Outcome  # whether he may open /dev/kvm
    group: Outcome  # whether libvirt has a group for QEMU that is not root's
    directory: Outcome = PASSED  # whether that group may search libvirt's directory

    @property
    def fault(self) -> str:
        """Why QEMU cannot run as the job's user, "" if it can, or if that is not known."""
        return "; ".join(outcome.reason for outcome in (self.device, self.group, self.directory) if outcome.failed)


def probe(host: Host) -> GuestUser:
    """Look at the permissions."""
    return GuestUser(device=_device(host), group=_group(host), directory=_directory(host))


def _device(host: Host) -> Outcome:
    mode = host.permissions(DEVICE)
    if mode is None:
        return not_tried(f"there is no {DEVICE}")
    if mode & _READ_WRITE == _READ_WRITE:
        return PASSED
    return failed(f"the job's user, as whom QEMU runs, cannot open {DEVICE} (mode {mode:04o})")


def _group(host: Host) -> Outcome:
    group = host.group(DOMAINS)
    if group is None:
        return not_tried(f"there is no {DOMAINS}")
    return PASSED if group else failed(f"{DOMAINS} belongs to root's group, as whom no guest may run")


def _directory(host: Host) -> Outcome:
    mode = host.permissions(DOMAINS)
    if mode is None:
        return not_tried(f"there is no {DOMAINS}")
    if mode & stat.S_IXGRP:
        return PASSED
    return failed(f"QEMU cannot reach its files in {DOMAINS}: its group may not search it (mode {mode:04o})")
