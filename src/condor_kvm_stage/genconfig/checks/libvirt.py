"""libvirt, QEMU, and the networks that they can give to guests."""

from __future__ import annotations

from ..libvirt import dotted
from .verdict import Check, Level, Seen

_GROUP = "libvirt"
_HOW = {
    "nat": "dnf install libvirt-daemon-config-network; virsh net-start default; virsh net-autostart default",
    "user": "have passt, libvirt 9.0 and HTCondor 25.12, or later ones (dnf install passt; dnf upgrade)",
    "bridge": "name a bridge of this host as network.bridge in /etc/condor-kvm-stage/config.toml",
}
_THEN = "; then condor-kvm-stage-genconfig --apply"


def checks(seen: Seen) -> list[Check]:
    """Return the verdicts of this group."""
    return [_daemon(seen), _qemu(seen), _network(seen)]


def _daemon(seen: Seen) -> Check:
    name, libvirt = "daemon", seen.facts.libvirt
    if not libvirt.daemon:
        found = "no libvirt daemon for QEMU is installed"
        return Check(_GROUP, name, Level.FAIL, found, "dnf install libvirt-daemon-kvm")
    if not libvirt.fault:
        version = dotted(libvirt.version) or "of an unknown version"
        return Check(_GROUP, name, Level.OK, f"libvirt {version} listens ({libvirt.daemon})")
    if "Permission denied" in libvirt.fault:
        found = f"this user may not ask whether a libvirt daemon listens: {libvirt.fault}"
        return Check(_GROUP, name, Level.WARN, found, "run this as root")
    # Where no system runs nothing can be started, but it can be made to start at boot
    now = " --now" if seen.facts.environment.booted else ""
    return Check(_GROUP, name, Level.FAIL, libvirt.fault, f"systemctl enable{now} {libvirt.daemon}.socket")


def _qemu(seen: Seen) -> Check:
    name, qemu = "qemu", seen.facts.platform.qemu
    if qemu:
        return Check(_GROUP, name, Level.OK, f"{qemu} {seen.trials.qemu}".rstrip())
    return Check(
        _GROUP,
        name,
        Level.FAIL,
        "no QEMU: neither qemu-kvm nor qemu-system-<architecture>",
        "dnf install qemu-kvm-core",
    )


def _network(seen: Seen) -> Check:
    name, offer = "network", seen.values.network
    left_out = "; ".join(f"no {kind}: {reason}" for kind, reason in offer.missing.items())
    steps = "; or: ".join(_HOW[kind] for kind in offer.missing) + _THEN
    if offer.types:
        found = f"virtual machines can have networks of type {', '.join(offer.types)}"
        if not left_out:
            return Check(_GROUP, name, Level.OK, found)
        # nat and user stand in for each other, and are wanted by default; who wants a bridge has said so
        level = Level.WARN if "bridge" in offer.missing else Level.NOTE
        return Check(_GROUP, name, level, f"{found} ({left_out})", f"if jobs need it: {steps}")
    if not left_out:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "the policy wants no networks (network.types = [])")
    return Check(
        _GROUP, name, Level.WARN, f"virtual machines have no network ({left_out})", f"if jobs need one: {steps}"
    )
