"""What can be wrong with a node: the names of the checks, and where --check says what helps."""

from __future__ import annotations

from ..record import dataclass

# The names, as KvmStageFailed has them, and the group and name of the check of --check that says what to do
STEPS = {
    "policy": "images policy",
    "share": "images directory",
    "canary": "images canary",
    "kvm": "kvm device",
    "libvirt": "libvirt daemon",
    "guest-facts": "libvirt cpu",
    "network": "libvirt network",
    "execute": "htcondor execute",
}


@dataclass(frozen=True)
class Fault:
    """Why this node should get no VM job."""

    name: str  # of STEPS
    reason: str  # on one line
