"""What the programs that define guests were told of this host, compared with what libvirt and QEMU say now."""

from __future__ import annotations

from ...installed import APPLY, GUEST_FACTS
from ...record import asdict
from .model import Check, Findings, Level

_GROUP = "libvirt"


def check(findings: Findings) -> Check:
    """Return the verdict, which belongs to the group libvirt."""
    name, support, written = "facts", findings.trials.support, findings.trials.facts
    if findings.values.no_vm or not findings.values.guarded:
        why = "HTCondor's own script decides" if not findings.values.no_vm else "this node has no VM universe"
        return Check(_GROUP, name, Level.NOT_APPLICABLE, f"nothing is said about guests: {why}")
    if not support.capabilities.passed or support.cpu.unknown:
        why = support.capabilities.reason or support.cpu.reason
        return Check(_GROUP, name, Level.NOT_APPLICABLE, f"not compared with what libvirt says: {why}")
    network = findings.values.network
    fresh = asdict(support.offered(network.types, network.bridge))
    if written is None and findings.snippet is None:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "nothing is said about guests yet: there is no snippet")
    if written is None:
        found = f"there is no {GUEST_FACTS} yet, so guests are defined by defaults, or refused where SELinux is on"
        return Check(_GROUP, name, Level.WARN, found, APPLY)
    differences = [
        f"{key} is {_shown(value)}, and is to be {_shown(fresh[key])}"
        for key, value in asdict(written).items()
        if value != fresh[key]
    ]
    if differences:
        found = f"guests are defined by what held when HTCondor started: {'; '.join(differences)}"
        return Check(_GROUP, name, Level.WARN, found, APPLY)
    return Check(_GROUP, name, Level.OK, "guests are defined by what libvirt and QEMU say")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return (", ".join(map(str, value)) if isinstance(value, list) else str(value)) or "none"
