"""libvirt, QEMU, and the networks that they can give to guests."""

from __future__ import annotations

from ...installed import APPLY, POLICY
from ...leftovers import orphans
from ...leftovers.virsh import URI
from ...text import printable, quoted
from ..probes import guest_support
from ..probes.versions import dotted
from .model import Check, Findings, Level

_GROUP = "libvirt"
_HOW = {
    "nat": "dnf install libvirt-daemon-config-network; virsh net-start default; virsh net-autostart default",
    "user": "have passt, libvirt 9.0 and HTCondor 25.12, or later ones (dnf install passt; dnf upgrade)",
    "bridge": f"name a bridge of this host as network.bridge in {POLICY}",
}
_THEN = f"; then {APPLY}"
_NAMED = 5  # of the virtual machines that jobs have left


def checks(findings: Findings) -> list[Check]:
    """Return the verdicts of this group."""
    return [_daemon(findings), _qemu(findings), _cpu(findings), _network(findings), _orphans(findings)]


def _daemon(findings: Findings) -> Check:
    name, libvirt = "daemon", findings.facts.libvirt
    if not libvirt.daemon:
        found = "no libvirt daemon for QEMU is installed"
        return Check(_GROUP, name, Level.FAIL, found, "dnf install libvirt-daemon-kvm")
    silent = findings.trials.guests.libvirt
    if not libvirt.fault:
        version = dotted(libvirt.version) or "of an unknown version"
        if silent and findings.facts.kvm.usable:
            found = f"libvirt {version} listens ({libvirt.daemon}), but does not say what it can do: {silent}"
            return Check(_GROUP, name, Level.WARN, found, _how_to_ask(findings))
        return Check(_GROUP, name, Level.OK, f"libvirt {version} listens ({libvirt.daemon})")
    if "Permission denied" in libvirt.fault:
        found = f"this user may not ask whether a libvirt daemon listens: {libvirt.fault}"
        return Check(_GROUP, name, Level.WARN, found, "run this as root")
    # Where no system runs nothing can be started, but it can be made to start at boot
    now = " --now" if findings.facts.environment.booted else ""
    return Check(_GROUP, name, Level.FAIL, libvirt.fault, f"systemctl enable{now} {libvirt.daemon}.socket")


def _how_to_ask(findings: Findings) -> str:
    if "no program virsh" in findings.trials.guests.libvirt:
        return f"dnf install libvirt-client{_THEN}"
    if guest_support.NOT_ROOT in findings.trials.guests.libvirt:
        return "run this as root"
    return f"virsh -c qemu:///system capabilities; systemctl restart {findings.facts.libvirt.daemon}{_THEN}"


def _qemu(findings: Findings) -> Check:
    name, qemu = "qemu", findings.facts.programs.qemu
    if qemu:
        return Check(_GROUP, name, Level.OK, f"{qemu} {findings.trials.qemu}".rstrip())
    return Check(
        _GROUP,
        name,
        Level.FAIL,
        "no QEMU: neither qemu-kvm nor qemu-system-<architecture>",
        "dnf install qemu-kvm-core",
    )


def _cpu(findings: Findings) -> Check:
    name, facts, fault = "cpu", findings.trials.guests.facts, findings.trials.guests.cpu
    mode, without = facts.cpu_mode, ", ".join(facts.cpu_without)
    if findings.values.no_vm or not findings.values.guarded:
        why = "HTCondor's own script decides" if not findings.values.no_vm else "this node is to have no VM universe"
        return Check(_GROUP, name, Level.NOT_APPLICABLE, f"no CPU was tried for virtual machines: {why}")
    if not findings.facts.programs.qemu:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "no CPU was tried for virtual machines: there is no QEMU")
    if not findings.facts.kvm.usable:
        return Check(_GROUP, name, Level.WARN, f"no CPU was tried for virtual machines: {fault}", "run this as root")
    if mode == "host-passthrough" and not without:
        return Check(_GROUP, name, Level.OK, "virtual machines have this host's CPU (host-passthrough)")
    step = f"if guests need it: dnf upgrade qemu-kvm-core, then {APPLY}"
    if mode == "host-passthrough":
        found = f"virtual machines have this host's CPU (host-passthrough) without {without}, as QEMU fails with it"
        return Check(_GROUP, name, Level.NOTE, f"{found}: {fault}", step)
    what = f"what libvirt makes of this host's ({mode})" if mode else "QEMU's default, and guests of EL 9 may not start"
    found = f"the CPU of virtual machines is {what}, because QEMU fails with the host's own: {fault}"
    return Check(_GROUP, name, Level.WARN, found, "see libvirt qemu above, and what QEMU says")


def _network(findings: Findings) -> Check:
    name, offer = "network", findings.values.network
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


def _orphans(findings: Findings) -> Check:
    name, domains = "orphans", findings.trials.domains
    if domains is None:
        why = "libvirt does not answer" if findings.facts.libvirt.fault else "only root can"
        found = f"virtual machines that jobs have left were not looked for: {why}"
        return Check(_GROUP, name, Level.NOT_APPLICABLE, found)
    left = [printable(domain.name) for domain in orphans.among(domains)]
    if left:
        more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
        found = f"virtual machines of jobs that are gone still run: {', '.join(left[:_NAMED])}{more}"
        return Check(_GROUP, name, Level.WARN, found, f"{APPLY}, which destroys what jobs have left")
    if domains.unclear:
        first = domains.unclear[0]
        found = f"it cannot be told whose the virtual machine {printable(first.name)} is: {printable(first.fault)}"
        step = f"see what it is: virsh --connect {URI} dumpxml {quoted(first.name)}"
        return Check(_GROUP, name, Level.WARN, found, step)
    if domains.fault:
        found = f"virtual machines that jobs have left were not all looked for: {printable(domains.fault)}"
        missing = "no program" in domains.fault
        step = "dnf install libvirt-client" if missing else f"see what is slow: virsh --connect {URI} list"
        return Check(_GROUP, name, Level.NOTE, found, step)
    return Check(_GROUP, name, Level.OK, "no virtual machine runs whose job is gone")
