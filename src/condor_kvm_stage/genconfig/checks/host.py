"""The host itself: CPU, memory, containers and virtual machines, control groups, IOMMU, memory encryption."""

from __future__ import annotations

from ...installed import APPLY, POLICY
from ..probes.collect import HostFacts
from ..probes.devices import CONTROLLERS
from .model import Check, Findings, Level

_GROUP = "host"


def checks(findings: Findings) -> list[Check]:
    """Return the verdicts of this group."""
    facts = findings.facts
    return [_cpu(facts), _level(facts), _memory(findings), _place(facts), _cgroup(facts), _iommu(facts), _secure(facts)]


def _cpu(facts: HostFacts) -> Check:
    name = "cpu"
    if facts.cpu.extension:
        return Check(_GROUP, name, Level.OK, f"{facts.cpu.model or 'the CPU'} has {facts.cpu.extension}")
    if not facts.cpu.shows_extensions:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, f"{facts.cpu.architecture} has no flag; /dev/kvm decides")
    if facts.kvm.usable:
        return Check(_GROUP, name, Level.OK, "the CPU shows no virtualisation flag, but /dev/kvm works without it")
    if facts.kvm.denied:
        found = "the CPU shows no virtualisation flag, and this user cannot open /dev/kvm, which may work without it"
        return Check(_GROUP, name, Level.NOTE, found, "run this as root")
    return Check(
        _GROUP,
        name,
        Level.WARN,
        "the CPU shows neither vmx nor svm in /proc/cpuinfo",
        "enable VT-x or AMD-V (SVM) in the firmware; in a virtual machine, enable nested virtualisation on its host",
    )


def _level(facts: HostFacts) -> Check:
    name, level = "cpu-level", facts.cpu.level
    if facts.cpu.architecture != "x86_64":
        return Check(_GROUP, name, Level.NOT_APPLICABLE, f"only x86-64 has levels, this is {facts.cpu.architecture}")
    if level >= 3:
        return Check(_GROUP, name, Level.OK, f"x86-64-v{level}")
    lacks, needed = ("EL 9 and EL 10", 2) if level < 2 else ("EL 10", 3)
    return Check(
        _GROUP,
        name,
        Level.NOTE,
        f"x86-64-v{level}: guests with {lacks} do not start on it",
        f'jobs with such guests should set: requirements = Microarch >= "x86_64-v{needed}"',
    )


def _memory(findings: Findings) -> Check:
    name, ram, size = "memory", findings.facts.memory.ram, findings.values.size
    nodes = findings.facts.memory.numa_nodes
    where = f" on {nodes} NUMA nodes" if nodes > 1 else ""
    found = f"{ram} MiB of memory{where}, {size.memory} MiB for virtual machines, {size.number} at once"
    if not size.memory:
        found = f"{ram} MiB of memory are not enough for virtual machines"
        step = f"use a host with more memory, or lower vm.reserve in {POLICY}"
        return Check(_GROUP, name, Level.FAIL, found, step)
    least = findings.policy.vm.reserve >> 20 if findings.policy else 0
    if size.fixed and ram - size.memory < least:
        step = f"lower vm.memory in {POLICY}; otherwise guests and host may run out of memory"
        return Check(_GROUP, name, Level.WARN, f"{found}, which leaves the host less than {least} MiB", step)
    startds = len(findings.trials.advertised.others) + 1
    if startds > 1 and not findings.values.no_vm:
        found = f"{found}; each of {startds} startds on this host offers that, together {startds * size.memory} MiB"
        step = f'divide it: vm.memory = "{size.memory // startds}M" in {POLICY}, then {APPLY}'
        return Check(_GROUP, name, Level.WARN, found, step)
    if size.cap:
        step = "raise that limit if virtual machines need more"
        return Check(_GROUP, name, Level.NOTE, f"{found}; limited by {size.cap}", step)
    return Check(_GROUP, name, Level.OK, found)


def _place(facts: HostFacts) -> Check:
    name, environment = "place", facts.environment
    if environment.container:
        return Check(_GROUP, name, Level.OK, f"this is a container ({environment.container})")
    if facts.cpu.hypervisor or environment.machine:
        found = f"this is a virtual machine ({environment.machine or 'of unknown kind'}): its guests are nested"
        return Check(_GROUP, name, Level.NOTE, found, "use a physical machine if guests are too slow")
    return Check(_GROUP, name, Level.OK, "a physical machine")


def _cgroup(facts: HostFacts) -> Check:
    name = "cgroup"
    missing = [controller for controller in CONTROLLERS if controller not in facts.devices.controllers]
    if not missing:
        return Check(_GROUP, name, Level.OK, f"control groups have the controllers {', '.join(CONTROLLERS)}")
    found = f"control groups lack the controllers {', '.join(missing)}, so libvirt cannot use them to limit guests"
    step = "enable them at boot (cgroup_enable=…); for a container, in its configuration"
    return Check(_GROUP, name, Level.WARN, found, step)


def _iommu(facts: HostFacts) -> Check:
    name, iommu = "iommu", facts.devices.iommu
    if iommu.passed:
        return Check(_GROUP, name, Level.OK, "the kernel uses an IOMMU", unused=True)
    found = f"{iommu.reason}: devices cannot be passed to guests (VM universe does not do this)"
    switches = {
        "GenuineIntel": "enable VT-d in the firmware, and boot with intel_iommu=on",
        "AuthenticAMD": "enable AMD-Vi (IOMMU) in the firmware, and boot without amd_iommu=off",
    }
    step = switches.get(facts.cpu.vendor, "see whether the firmware can enable one")
    if facts.cpu.hypervisor:
        step = "add one to this virtual machine's configuration"
    return Check(_GROUP, name, Level.NOTE, found, f"if you need it: {step}", unused=True)


def _secure(facts: HostFacts) -> Check:
    name, kind = "secure-guests", facts.devices.secure_guests
    if kind:
        return Check(_GROUP, name, Level.OK, f"KVM has {kind}", unused=True)
    if facts.cpu.architecture != "x86_64":
        return Check(_GROUP, name, Level.NOT_APPLICABLE, f"SEV and TDX need x86-64, this is {facts.cpu.architecture}")
    kind = "SEV" if facts.cpu.vendor == "AuthenticAMD" else "TDX"
    found = f"guests' memory cannot be encrypted ({kind}); VM universe does not use this"
    step = f"if you need it: enable {kind} in the firmware, if the CPU has it"
    return Check(_GROUP, name, Level.NOTE, found, step, unused=True)
