"""Whether QEMU can run as the job's user here, which has only the rights of everybody on the node's own files."""

from __future__ import annotations

import stat
from dataclasses import dataclass

from ...host import Host
from ..outcome import PASSED, Outcome, failed, not_tried
from .kvm import DEVICE

# libvirt makes a directory for each domain here. It is 0751 in libvirt's own packaging, 0750 on Debian.
DIRECTORY = "/var/lib/libvirt/qemu"
_READ_WRITE = stat.S_IROTH | stat.S_IWOTH


@dataclass(frozen=True)
class GuestUser:
    """What the job's user may do."""

    device: Outcome  # whether it may open /dev/kvm
    directory: Outcome  # whether it may search libvirt's directory; not tried if there is none yet

    @property
    def fault(self) -> str:
        """Why QEMU cannot run as the job's user, "" if it can, or if that is not known."""
        return "; ".join(outcome.reason for outcome in (self.device, self.directory) if outcome.failed)


def probe(host: Host) -> GuestUser:
    """Look at the permissions."""
    return GuestUser(
        device=_permitted(host, DEVICE, _READ_WRITE, "open"),
        directory=_permitted(host, DIRECTORY, stat.S_IXOTH, "search"),
    )


def _permitted(host: Host, path: str, needed: int, action: str) -> Outcome:
    mode = host.permissions(path)
    if mode is None:
        return not_tried(f"there is no {path}")
    if mode & needed == needed:
        return PASSED
    return failed(f"the job's user, as whom QEMU runs, cannot {action} {path} (mode {mode:04o})")
