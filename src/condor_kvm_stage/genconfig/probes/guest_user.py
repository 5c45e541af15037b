"""Whether QEMU can run as the job's user here, who has only the rights of everybody on the node's own files."""

from __future__ import annotations

import stat
from dataclasses import dataclass

from ...host import Host
from ..outcome import PASSED, Outcome, failed, not_tried
from .kvm import DEVICE

_READ_WRITE = stat.S_IROTH | stat.S_IWOTH


@dataclass(frozen=True)
class GuestUser:
    """What the job's user may do."""

    device: Outcome  # whether he may open /dev/kvm


def probe(host: Host) -> GuestUser:
    """Look at the permissions."""
    mode = host.permissions(DEVICE)
    if mode is None:
        return GuestUser(not_tried(f"there is no {DEVICE}"))
    if mode & _READ_WRITE == _READ_WRITE:
        return GuestUser(PASSED)
    return GuestUser(failed(f"the job's user, as whom QEMU runs, cannot open {DEVICE} (mode {mode:04o})"))
