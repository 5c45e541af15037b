"""Can this node run VM jobs, and what to do if not: facts in, verdicts out. Looks at nothing and prints nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .facts import HostFacts
from .image_dirs import FAILED
from .sizing import vm_memory_mib


class Level(Enum):
    """ok; warn: VM jobs run, something should be looked at; fail: no VM job runs here."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One verdict: what was checked, how it stands, what was found, and the next step ("" if all is well)."""

    subject: str
    level: Level
    found: str
    next_step: str = ""


def evaluate(facts: HostFacts, snippet_installed: str | None, snippet_wanted: str) -> list[Check]:
    """Return every check's verdict on a host. The snippets are texts; None stands for a file that is not there."""
    return [
        _cpu(facts),
        _kvm(facts),
        _memory(facts),
        _program("qemu-img", facts.qemu_img, "/usr/bin/qemu-img", "dnf install qemu-img"),
        _libvirt(facts),
        _network(facts),
        _program("plug-in", facts.plugin, "/usr/local/bin/vm-nfs-plugin", "dnf reinstall condor-kvm-stage"),
        _policy(facts),
        _program("vm-gahp", facts.vm_gahp, "/usr/sbin/condor_vm-gahp", "dnf install condor-vm-gahp"),
        _snippet(facts, snippet_installed, snippet_wanted),
    ]


def _cpu(facts: HostFacts) -> Check:
    if facts.cpu_virtualisation:
        return Check("CPU", Level.OK, f"has {facts.cpu_virtualisation}")
    if facts.kvm.usable:
        return Check("CPU", Level.OK, "shows no virtualisation flag, but /dev/kvm works without")
    if facts.kvm.forbidden:
        return Check("CPU", Level.WARN, "shows no virtualisation flag, but there is a /dev/kvm", "run this as root")
    return Check(
        "CPU",
        Level.WARN,
        "shows neither vmx nor svm in /proc/cpuinfo",
        "switch on VT-x or AMD-V (SVM) in the firmware; in a virtual machine, nested virtualisation on its host",
    )


def _kvm(facts: HostFacts) -> Check:
    if facts.kvm.usable:
        return Check("KVM", Level.OK, "/dev/kvm creates virtual machines")
    if facts.kvm.forbidden:
        return Check("KVM", Level.FAIL, facts.kvm.reason, "run this as root; HTCondor's vm-gahp and libvirt do")
    if facts.cpu_virtualisation:
        module = "kvm_intel" if "Intel" in facts.cpu_virtualisation else "kvm_amd"
        step = f"modprobe {module}, and see dmesg if that fails; in a container, pass /dev/kvm in"
    else:
        step = "see CPU above; in a container, pass /dev/kvm in"
    return Check("KVM", Level.FAIL, facts.kvm.reason, step)


def _memory(facts: HostFacts) -> Check:
    memory = vm_memory_mib(facts.ram_mib)
    found = f"{facts.ram_mib} MiB of RAM, {memory} MiB for virtual machines"
    if memory:
        return Check("memory", Level.OK, found)
    return Check("memory", Level.FAIL, found, "the host keeps 1024 MiB for itself; use a host with more memory")


def _libvirt(facts: HostFacts) -> Check:
    if not facts.libvirt:
        return Check("libvirt", Level.OK, "a daemon listens")
    step = "systemctl enable --now virtqemud.socket (or libvirtd.socket, where libvirt is not modular)"
    return Check("libvirt", Level.FAIL, facts.libvirt, step)


def _network(facts: HostFacts) -> Check:
    if facts.nat_network:
        return Check("network", Level.OK, "libvirt's network 'default' is active")
    return Check(
        "network",
        Level.WARN,
        "libvirt's network 'default' is not active: virtual machines have no network",
        "if jobs need one: virsh net-start default; virsh net-autostart default; condor-kvm-stage-genconfig",
    )


def _policy(facts: HostFacts) -> Check:
    if facts.policy:
        return Check("policy", Level.FAIL, facts.policy, "until then no image is staged; see vm-nfs-plugin(1), POLICY")
    if failed := facts.image_dirs.get(FAILED):
        found = f"images cannot come from {failed}"
        return Check("policy", Level.WARN, found, "mount what is missing; all must be able to search it: chmod o+x")
    return Check("policy", Level.OK, "can be read, and its image directories are there")


def _snippet(facts: HostFacts, installed: str | None, wanted: str) -> Check:
    subject = "HTCondor"
    if not facts.htcondor_config:
        return Check(subject, Level.FAIL, "no /etc/condor/config.d", "dnf install condor; condor-kvm-stage-genconfig")
    if installed is None:
        return Check(subject, Level.FAIL, "the snippet is not in place", "condor-kvm-stage-genconfig")
    if installed != wanted:
        return Check(subject, Level.WARN, "the snippet is not what this host calls for", "condor-kvm-stage-genconfig")
    return Check(subject, Level.OK, "the snippet in /etc/condor/config.d is what this host calls for")


def _program(subject: str, there: bool, path: str, remedy: str) -> Check:
    if there:
        return Check(subject, Level.OK, path)
    return Check(subject, Level.FAIL, f"no program {path}", remedy)
