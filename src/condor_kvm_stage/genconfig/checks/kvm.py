"""KVM and the devices that guests need."""

from __future__ import annotations

from ..probes.collect import HostFacts
from ..probes.kvm import DEVICE
from .model import Check, Findings, Level

_GROUP = "kvm"


def checks(findings: Findings) -> list[Check]:
    """Return the verdicts of this group."""
    return [_device(findings.facts), _nested(findings.facts), _tun(findings), _vhost(findings.facts)]


def _device(facts: HostFacts) -> Check:
    name, kvm = "device", facts.kvm
    if kvm.usable:
        return Check(_GROUP, name, Level.OK, "/dev/kvm creates virtual machines")
    if kvm.code == "EACCES":  # of the file's mode; EPERM is a container's list of devices, and holds for root, too
        return Check(_GROUP, name, Level.WARN, kvm.reason, "run this as root, as HTCondor's vm-gahp and libvirt do")
    module = "kvm_amd" if facts.cpu.extension == "AMD-V" else "kvm_intel"
    if facts.environment.container:
        step = _pass_in("/dev/kvm")
    elif facts.cpu.extension and module not in kvm.modules:
        firmware = f"switch on {facts.cpu.extension} in the firmware if it says `disabled by bios`"
        step = f"modprobe {module}, then dmesg | grep -i kvm; {firmware}"
    elif facts.cpu.extension:
        step = f"dmesg | grep -i kvm, and see that udev makes {DEVICE}"
    else:
        step = "see host cpu above"
    return Check(_GROUP, name, Level.FAIL, kvm.reason, step)


def _nested(facts: HostFacts) -> Check:
    name, nested = "nested", facts.kvm.nested
    if nested is None:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "the kernel does not say whether guests can run guests")
    return Check(_GROUP, name, Level.OK, f"guests {'can' if nested else 'cannot'} run guests of their own")


def _tun(findings: Findings) -> Check:
    name = "tun"
    if findings.facts.devices.tun:
        return Check(_GROUP, name, Level.OK, "/dev/net/tun is there")
    needed = [kind for kind in findings.values.network.types if kind in ("nat", "bridge")]
    if needed:
        found = f"no /dev/net/tun: a job with a network ({', '.join(needed)}) fails, and takes VM universe with it"
        return Check(_GROUP, name, Level.FAIL, found, _load(findings.facts, "tun", "/dev/net/tun"))
    found = "no /dev/net/tun, which networks of type nat and bridge need"
    return Check(_GROUP, name, Level.NOTE, found, _load(findings.facts, "tun", "/dev/net/tun"))


def _vhost(facts: HostFacts) -> Check:
    name = "vhost-net"
    if facts.devices.vhost_net:
        return Check(_GROUP, name, Level.OK, "/dev/vhost-net is there")
    step = _load(facts, "vhost_net", "/dev/vhost-net")
    return Check(_GROUP, name, Level.WARN, "no /dev/vhost-net: guests' network is slower", step)


def _load(facts: HostFacts, module: str, device: str) -> str:
    """Return how a device comes to be there. A container cannot load modules."""
    return _pass_in(device) if facts.environment.container else f"modprobe {module}"


def _pass_in(device: str) -> str:
    return f"pass it into the container where that is made, as with `docker run --device {device}`"
