"""Which networks a node offers to virtual machines: what the policy wants, as far as the host has it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ...policy.model import NetworkPolicy
from ..probes.collect import HostFacts
from ..probes.versions import dotted

# HTCondor's manual, VM_NETWORKING_TYPE, and its version history: user-mode networking came with these
_LIBVIRT_WITH_USER = (9, 0, 0)
_HTCONDOR_WITH_USER = (25, 12, 0)
_UNKNOWN = "an unknown version"


@dataclass(frozen=True)
class Offer:
    """types: for VM_NETWORKING_TYPE, the first being the default; none for no network. missing: why the others are not
    among them, by type. bridge: the interface for the type "bridge", "" without.
    """

    types: tuple[str, ...]
    missing: dict[str, str]
    bridge: str = ""


def offer(facts: HostFacts, wanted: NetworkPolicy) -> Offer:
    """Return what a host can offer of what its policy wants."""
    why_not = {
        "nat": "" if facts.libvirt.nat_network else "libvirt's network 'default' is not active",
        "user": _why_no_user(facts),
        "bridge": _why_no_bridge(facts, wanted.bridge),
    }
    types = tuple(kind for kind in wanted.types if not why_not[kind])
    missing = {kind: why_not[kind] for kind in wanted.types if why_not[kind]}
    return Offer(types, missing, wanted.bridge if "bridge" in types else "")


def _why_no_user(facts: HostFacts) -> str:
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
