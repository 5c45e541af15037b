"""Which networks a node offers to virtual machines: those that the policy wants and the host has. Pure."""

from __future__ import annotations

from ...policy.model import NetworkPolicy
from ...record import dataclass
from ..probes.collect import HostFacts
from ..probes.versions import dotted

# The first versions with user-mode networking (HTCondor's manual, VM_NETWORKING_TYPE, and its version history)
_LIBVIRT_WITH_USER = (9, 0, 0)
_HTCONDOR_WITH_USER = (25, 12, 0)
_UNKNOWN = "an unknown version"


@dataclass(frozen=True)
class Offer:
    """The networks that a node offers to virtual machines."""

    types: tuple[str, ...]  # for VM_NETWORKING_TYPE, the first being the default; () for no network
    missing: dict[str, str]  # for each other type that the policy wants, why it is not offered
    bridge: str = ""  # the interface for the type "bridge", "" without


def offer(facts: HostFacts, wanted: NetworkPolicy, guests_have_own_user: bool) -> Offer:
    """Return which of the networks that the policy wants a host can offer.

    guests_have_own_user: see StagingPolicy.
    """
    why_not = {
        "nat": _why_no_nat(facts),
        "user": _why_no_user(facts, guests_have_own_user),
        "bridge": _why_no_bridge(facts, wanted.bridge),
    }
    types = tuple(kind for kind in wanted.types if not why_not[kind])
    missing = {kind: why_not[kind] for kind in wanted.types if why_not[kind]}
    return Offer(types, missing, wanted.bridge if "bridge" in types else "")


def _why_no_nat(facts: HostFacts) -> str:
    network = facts.libvirt.nat_network
    # If libvirt did not answer: as HTCondor has it now, because to change that it would have to restart its startd
    before = "nat" in facts.htcondor.value("VM_NETWORKING_TYPE").replace(",", " ").split()
    if network.passed or (before and not network.failed):
        return ""
    # The same words in each case: they are in the snippet, which must not depend on who asks. --check has more
    return "libvirt does not say that its network 'default' is active"


def _why_no_user(facts: HostFacts, guests_have_own_user: bool) -> str:
    if guests_have_own_user:
        # libvirt starts passt as QEMU's user, and gives it a directory that all guests share. If every user could
        # write there, one could take the name of another's socket.
        return "libvirt can run passt only for guests of one user (guest.guarded = false)"
    if not facts.libvirt.passt:
        return "there is no program passt"
    if facts.libvirt.version < _LIBVIRT_WITH_USER:
        return f"it needs libvirt {dotted(_LIBVIRT_WITH_USER)}, here is {dotted(facts.libvirt.version) or _UNKNOWN}"
    if facts.htcondor.version < _HTCONDOR_WITH_USER:
        return f"it needs HTCondor {dotted(_HTCONDOR_WITH_USER)}, here is {dotted(facts.htcondor.version) or _UNKNOWN}"
    return ""


def _why_no_bridge(facts: HostFacts, bridge: str) -> str:
    if not bridge:
        return "the policy names no network.bridge"
    return "" if bridge in facts.devices.interfaces else f"the host has no interface {bridge}"
