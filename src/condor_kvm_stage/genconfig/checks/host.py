"""The host itself: CPU, memory, and what else guests are made of."""

from __future__ import annotations

from ...installed import POLICY
from ..probes.collect import HostFacts
from ..probes.devices import CONTROLLERS
from .model import Check, Findings, Level

_GROUP = "host"


def checks(findings: Findings) -> list[Check]:
    """Return the verdicts of this group."""
    facts = findings.facts
    return [_cpu(facts), _level(facts), _memory(findings), _place(facts), _cgroup(facts), _iommu(facts), _secure(facts)]


def container_lacks(facts: HostFacts) -> list[str]:
    """Return which devices for guests a container was not given."""
    given = {
        "/dev/kvm": facts.kvm.usable or facts.kvm.code == "EACCES",  # it is there, but not for this user
        "/dev/net/tun": facts.devices.tun,
        "/dev/vhost-net": facts.devices.vhost_net,
    }
    return [device for device, is_there in given.items() if not is_there]


def _cpu(facts: HostFacts) -> Check:
    name = "cpu"
    if facts.cpu.extension:
        return Check(_GROUP, name, Level.OK, f"{facts.cpu.model or 'the CPU'} has {facts.cpu.extension}")
    if not facts.cpu.shows_extensions:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, f"{facts.cpu.architecture} shows no flag; /dev/kvm decides")
    if facts.kvm.usable:
        return Check(_GROUP, name, Level.OK, "the CPU shows no virtualisation flag, but /dev/kvm works without")
    if facts.kvm.code == "EACCES":
        found = "the CPU shows no virtualisation flag, and this user may not ask /dev/kvm, which may work without"
        return Check(_GROUP, name, Level.NOTE, found, "run this as root")
    return Check(
        _GROUP,
        name,
        Level.WARN,
        "the CPU shows neither vmx nor svm in /proc/cpuinfo",
        "switch on VT-x or AMD-V (SVM) in the firmware; in a virtual machine, nested virtualisation on its host",
    )


def _level(facts: HostFacts) -> Check:
    name, level = "cpu-level", facts.cpu.level
    if facts.cpu.architecture != "x86_64":
        return Check(_GROUP, name, Level.NOT_APPLICABLE, f"levels are of x86-64, this is {facts.cpu.architecture}")
    if level >= 3:
        return Check(_GROUP, name, Level.OK, f"x86-64-v{level}")
    lacks, needed = ("EL 9 and EL 10", 2) if level < 2 else ("EL 10", 3)
    return Check(
        _GROUP,
        name,
        Level.NOTE,
        f"x86-64-v{level}: guests of {lacks} do not start on it",
        f'let jobs with such guests ask for more: requirements = Microarch >= "x86_64-v{needed}"',
    )


def _memory(findings: Findings) -> Check:
    name, ram, size = "memory", findings.facts.memory.ram, findings.values.size
    nodes = findings.facts.memory.numa_nodes
    where = f" on {nodes} NUMA nodes" if nodes > 1 else ""
    found = f"{ram} MiB of memory{where}, {size.memory} MiB for virtual machines, {size.number} at once"
    if not size.memory:
        found = f"{ram} MiB of memory leave nothing for virtual machines"
        step = f"use a host with more memory, or lower vm.reserve in {POLICY}"
        return Check(_GROUP, name, Level.FAIL, found, step)
    least = findings.policy.vm.reserve >> 20 if findings.policy else 0
    if size.fixed and ram - size.memory < least:
        step = f"lower vm.memory in {POLICY}, or guests and host may run out of memory"
        return Check(_GROUP, name, Level.WARN, f"{found}, which leaves the host less than {least} MiB", step)
    if size.cap:
        step = "raise that limit, if virtual machines are to have more"
        return Check(_GROUP, name, Level.NOTE, f"{found}; limited by {size.cap}", step)
    return Check(_GROUP, name, Level.OK, found)


def _place(facts: HostFacts) -> Check:
    name, environment = "place", facts.environment
    if environment.container:
        found, lacks = f"this is a container ({environment.container})", container_lacks(facts)
        if lacks:
            step = f"pass the device in where it is made, as with `docker run --device {lacks[0]}`"
            return Check(_GROUP, name, Level.NOTE, f"{found} without {', '.join(lacks)}", step)
        return Check(_GROUP, name, Level.OK, f"{found} with the devices that guests need")
    if facts.cpu.hypervisor or environment.machine:
        found = f"this is a virtual machine ({environment.machine or 'of an unknown kind'}): its guests are nested"
        return Check(_GROUP, name, Level.NOTE, found, "use a machine of its own, if guests are too slow")
    return Check(_GROUP, name, Level.OK, "a machine of its own")


def _cgroup(facts: HostFacts) -> Check:
    name = "cgroup"
    missing = [controller for controller in CONTROLLERS if controller not in facts.devices.controllers]
    if not missing:
        return Check(_GROUP, name, Level.OK, f"control groups have {', '.join(CONTROLLERS)}")
    found = f"control groups lack {', '.join(missing)}: libvirt cannot limit guests by them"
    return Check(
        _GROUP, name, Level.WARN, found, "switch them on at boot (cgroup_enable=…); for a container, where it is made"
    )


def _iommu(facts: HostFacts) -> Check:
    name, fault = "iommu", facts.devices.iommu
    if not fault:
        return Check(_GROUP, name, Level.OK, "the kernel uses an IOMMU")
    found = f"{fault}: no devices can be given to guests, which VM universe does not do"
    switches = {
        "GenuineIntel": "switch on VT-d in the firmware, and boot with intel_iommu=on",
        "AuthenticAMD": "switch on AMD-Vi (IOMMU) in the firmware, and boot without amd_iommu=off",
    }
    step = switches.get(facts.cpu.vendor, "see whether the firmware can switch one on")
    if facts.cpu.hypervisor:
        step = "give this virtual machine one, where it is made"
    return Check(_GROUP, name, Level.NOTE, found, f"if you need it: {step}")


def _secure(facts: HostFacts) -> Check:
    name, kind = "secure-guests", facts.devices.secure_guests
    if kind:
        return Check(_GROUP, name, Level.OK, f"KVM has {kind}")
    if facts.cpu.architecture != "x86_64":
        return Check(_GROUP, name, Level.NOT_APPLICABLE, f"SEV and TDX are of x86-64, this is {facts.cpu.architecture}")
    kind = "SEV" if facts.cpu.vendor == "AuthenticAMD" else "TDX"
    found = f"no encryption of guests' memory ({kind}), which VM universe does not use"
    return Check(
        _GROUP, name, Level.NOTE, found, f"if you need it: switch on {kind} in the firmware, where the CPU has it"
    )
