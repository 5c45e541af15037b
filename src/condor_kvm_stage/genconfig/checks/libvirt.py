"""libvirt, QEMU, the networks for guests, and orphans."""

from __future__ import annotations

from ...installed import APPLY, DOMAINS, POLICY
from ...leftovers import orphans
from ...leftovers.virsh import URI
from ...text import printable, quoted
from ..probes.kvm import DEVICE
from ..probes.versions import dotted
from . import guest_facts, guests, packages, virtiofs
from .model import WHEN_LESS_BUSY, Check, Findings, Level

_GROUP = "libvirt"
_THEN = f"; then {APPLY}"
_UDEV_RULE = "/etc/udev/rules.d/99-condor-kvm-stage.rules"
_MAX_NAMED = 5  # orphans in a message


def checks(findings: Findings) -> list[Check]:
    """Return the verdicts of this group."""
    return [
        _daemon(findings),
        _qemu(findings),
        _user(findings),
        _cpu(findings),
        _uefi(findings),
        virtiofs.check(findings),
        _network(findings),
        guests.start(findings),
        guest_facts.check(findings),
        _orphans(findings),
    ]


def _daemon(findings: Findings) -> Check:
    name, libvirt = "daemon", findings.facts.libvirt
    if not libvirt.daemon:
        found = "no libvirt daemon for QEMU is installed"
        step = packages.install(findings.facts, "libvirt-daemon-kvm")
        return Check(_GROUP, name, Level.FAIL, found, f"{step}{_THEN}")
    capabilities = findings.trials.support.capabilities
    if libvirt.listens.passed:
        version = dotted(libvirt.version) or "of unknown version"
        if not capabilities.passed and findings.values.guarded and findings.facts.kvm.usable:
            reason = capabilities.reason
            found = f"libvirt {version} listens ({libvirt.daemon}), but does not list its capabilities: {reason}"
            return Check(_GROUP, name, Level.WARN, found, _how_to_ask(findings))
        return Check(_GROUP, name, Level.OK, f"libvirt {version} listens ({libvirt.daemon})")
    if libvirt.listens.unknown:
        return Check(_GROUP, name, Level.WARN, f"not known: {libvirt.listens.reason}", WHEN_LESS_BUSY)
    if "Permission denied" in libvirt.listens.reason:
        found = f"this user cannot connect to libvirt: {libvirt.listens.reason}"
        return Check(_GROUP, name, Level.WARN, found, "run this as root")
    # Without a running system nothing can be started, but it can be enabled for boot
    booted = findings.facts.environment.booted
    unmask = f"systemctl unmask {' '.join(libvirt.masked)}; " if libvirt.masked else ""
    step = f"{unmask}systemctl enable{' --now' if booted else ''} {libvirt.daemon}.socket{_THEN if booted else ''}"
    return Check(_GROUP, name, Level.FAIL, libvirt.listens.reason, step)


def _how_to_ask(findings: Findings) -> str:
    capabilities = findings.trials.support.capabilities
    if packages.NO_VIRSH in capabilities.reason:
        return f"{packages.virsh(findings.facts)}{_THEN}"
    if not capabilities.tried:
        return "run this as root"
    if capabilities.unknown:
        return f"{WHEN_LESS_BUSY}; if it never answers: systemctl restart {findings.facts.libvirt.daemon}{_THEN}"
    return f"virsh -c {URI} capabilities; systemctl restart {findings.facts.libvirt.daemon}{_THEN}"


def _qemu(findings: Findings) -> Check:
    name, qemu = "qemu", findings.facts.programs.qemu
    if qemu:
        return Check(_GROUP, name, Level.OK, f"{qemu} {findings.trials.qemu}".rstrip())
    return Check(
        _GROUP,
        name,
        Level.FAIL,
        "no QEMU: neither qemu-kvm nor qemu-system-<architecture>",
        f"{packages.install(findings.facts, 'qemu-kvm-core')}{_THEN}",
    )


def _user(findings: Findings) -> Check:
    name, user = "user", findings.facts.guest_user
    if not findings.values.guarded:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "QEMU runs as libvirt's user, because the policy says so")
    steps = []
    if user.device.failed:
        # a device that is passed into a container has the mode that it has outside
        rule = f"""echo 'KERNEL=="kvm", MODE="0666"' > {_UDEV_RULE}; udevadm trigger {DEVICE}"""
        steps.append(f"chmod 666 {DEVICE}" if findings.facts.environment.container else rule)
    if user.group.failed:
        daemon = findings.facts.libvirt.daemon
        steps.append(f"remove user and group from /etc/libvirt/qemu.conf; systemctl restart {daemon}")
    if user.directory.failed:
        steps.append(f"chmod g+x {DOMAINS}")
    if steps:
        return Check(_GROUP, name, Level.FAIL, user.fault, f"{'; '.join(steps)}{_THEN}")
    for outcome in (user.device, user.group):
        if not outcome.tried:
            found = f"it is not known whether QEMU can run as the job's user: {outcome.reason}"
            return Check(_GROUP, name, Level.NOT_APPLICABLE, found)
    return Check(_GROUP, name, Level.OK, "QEMU runs as the job's user, with libvirt's group")


def _cpu(findings: Findings) -> Check:
    name, support = "cpu", findings.trials.support
    mode, without = support.facts.cpu_mode, ", ".join(support.facts.cpu_without)
    if findings.values.no_vm or not findings.values.guarded:
        why = "HTCondor's own script decides" if not findings.values.no_vm else "this node has no VM universe"
        return Check(_GROUP, name, Level.NOT_APPLICABLE, f"no CPU was tried for virtual machines: {why}")
    if not findings.facts.programs.qemu:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "no CPU was tried for virtual machines: there is no QEMU")
    if not findings.facts.kvm.usable:
        return Check(
            _GROUP, name, Level.WARN, f"no CPU was tried for virtual machines: {support.cpu.reason}", "run this as root"
        )
    if mode == "host-passthrough" and not without:
        return Check(_GROUP, name, Level.OK, "virtual machines have this host's CPU (host-passthrough)")
    step = f"if guests need them: {packages.upgrade(findings.facts, 'qemu-kvm-core')}{_THEN}"
    if mode == "host-passthrough":
        found = f"virtual machines have this host's CPU (host-passthrough) without {without}, with which QEMU fails"
        return Check(_GROUP, name, Level.NOTE, f"{found}: {support.cpu.reason}", step)
    if support.cpu.unknown:
        found = f"it is not known with which CPU QEMU starts: {support.cpu.reason}"
        return Check(_GROUP, name, Level.WARN, found, f"{WHEN_LESS_BUSY}{_THEN}")
    what = f"libvirt's {mode}" if mode else "QEMU's default, with which guests with EL 9 may not start"
    found = f"the CPU of virtual machines is {what}, because QEMU fails with the host's CPU: {support.cpu.reason}"
    return Check(_GROUP, name, Level.WARN, found, "see libvirt qemu above, and QEMU's message")


def _uefi(findings: Findings) -> Check:
    name, support = "uefi", findings.trials.support
    if findings.values.no_vm or not findings.values.guarded:
        why = "HTCondor's own script decides" if not findings.values.no_vm else "this node has no VM universe"
        return Check(_GROUP, name, Level.NOT_APPLICABLE, f"no UEFI was looked for: {why}")
    if not support.capabilities.passed:
        found = f"it is unknown whether there is UEFI for virtual machines: {support.capabilities.reason}"
        return Check(_GROUP, name, Level.NOT_APPLICABLE, found)
    if support.facts.uefi:
        return Check(_GROUP, name, Level.OK, "virtual machines can have UEFI, if the job asks for it")
    found = "there is no UEFI firmware for virtual machines; a job that asks for it is refused"
    step = packages.install(findings.facts, "edk2-ovmf")
    return Check(_GROUP, name, Level.NOTE, found, f"if jobs need it: {step}{_THEN}")


def _network(findings: Findings) -> Check:
    name, offer, nat = "network", findings.values.network, findings.facts.libvirt.nat_network
    wants_nat = "nat" in (*offer.types, *offer.missing)
    if wants_nat and not nat.failed and not findings.facts.libvirt.listens.passed:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, f"not known which networks there are: {nat.reason}")
    if wants_nat and nat.unknown:
        found = f"not known whether libvirt's network 'default' is active: {nat.reason}"
        return Check(_GROUP, name, Level.WARN, found, f"{WHEN_LESS_BUSY}{_THEN}")
    why_not = dict(offer.missing)
    if "nat" in why_not:
        why_not["nat"] = nat.reason or why_not["nat"]
    left_out = "; ".join(f"no {kind}: {reason}" for kind, reason in why_not.items())
    steps = "; or: ".join(_how_to_get(kind, findings) for kind in offer.missing) + _THEN
    if offer.types:
        found = f"virtual machines can have networks of type {', '.join(offer.types)}"
        if not left_out:
            return Check(_GROUP, name, Level.OK, found)
        # nat and user are alternatives, and both are in the default policy; a bridge is only there on request
        level = Level.WARN if "bridge" in offer.missing else Level.NOTE
        return Check(_GROUP, name, level, f"{found} ({left_out})", f"if jobs need it: {steps}")
    if not left_out:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "the policy asks for no networks (network.types = [])")
    return Check(
        _GROUP, name, Level.WARN, f"virtual machines have no network ({left_out})", f"if jobs need one: {steps}"
    )


def _how_to_get(kind: str, findings: Findings) -> str:
    """Return how to make the host have a type of network."""
    if kind == "bridge":
        return f"set network.bridge in {POLICY} to a bridge of this host"
    if kind == "user":
        how = f"{packages.install(findings.facts, 'passt')}; {packages.upgrade(findings.facts)}"
        return f"install passt, libvirt 9.0 and HTCondor 25.12, or later ({how})"
    if findings.facts.libvirt.nat_network.reason == packages.NO_VIRSH:
        return packages.virsh(findings.facts)
    network = f"virsh -c {URI} net-start default; virsh -c {URI} net-autostart default"
    return f"{packages.install(findings.facts, 'libvirt-daemon-config-network')}; {network}"


def _orphans(findings: Findings) -> Check:
    name, domains = "orphans", findings.trials.domains
    if domains is None:
        why = "only root can" if findings.facts.libvirt.listens.passed else "libvirt does not answer"
        found = f"did not look for virtual machines that jobs have left: {why}"
        return Check(_GROUP, name, Level.NOT_APPLICABLE, found)
    left = [printable(domain.name) for domain in orphans.among(domains)]
    if left:
        more = f" and {len(left) - _MAX_NAMED} more" if len(left) > _MAX_NAMED else ""
        found = f"virtual machines of jobs that have ended still run: {', '.join(left[:_MAX_NAMED])}{more}"
        return Check(_GROUP, name, Level.WARN, found, f"{APPLY}, which destroys them")
    if domains.unclear:
        first = domains.unclear[0]
        found = (
            f"cannot tell which job the virtual machine {printable(first.name)} belongs to: {printable(first.fault)}"
        )
        step = f"inspect it: virsh --connect {URI} dumpxml {quoted(first.name)}"
        return Check(_GROUP, name, Level.WARN, found, step)
    if domains.fault:
        found = f"could not check all virtual machines for ended jobs: {printable(domains.fault)}"
        missing = packages.NO_VIRSH in domains.fault
        step = packages.virsh(findings.facts) if missing else f"see what is slow: virsh --connect {URI} list"
        return Check(_GROUP, name, Level.NOTE, found, step)
    return Check(_GROUP, name, Level.OK, "no virtual machines of ended jobs")
