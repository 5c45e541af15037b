"""KVM and the devices that guests need."""

from __future__ import annotations

from ..probes.collect import HostFacts
from ..probes.kvm import DEVICE
from .model import Check, Findings, Level

_GROUP = "kvm"


def checks(findings: Findings) -> list[Check]:
    """Return the verdicts of this group."""
    return [_device(findings.facts), _nested(findings.facts), _vhost(findings.facts)]


def _device(facts: HostFacts) -> Check:
    name, kvm = "device", facts.kvm
    if kvm.usable:
        return Check(_GROUP, name, Level.OK, "/dev/kvm creates virtual machines")
    if kvm.denied:
        return Check(_GROUP, name, Level.WARN, kvm.reason, "run this as root, as HTCondor's vm-gahp and libvirt do")
    module = "kvm_amd" if facts.cpu.extension == "AMD-V" else "kvm_intel"
    if kvm.code == "EBUSY":
        step = _end_other_hypervisor(kvm.rivals)
    elif facts.environment.container:
        step = _pass_in("/dev/kvm")
    elif facts.cpu.extension and module not in kvm.modules:
        firmware = f"enable {facts.cpu.extension} in the firmware if it says `disabled by bios`"
        step = f"modprobe {module}, then dmesg | grep -i kvm; {firmware}"
    elif facts.cpu.extension:
        step = f"dmesg | grep -i kvm, and check that udev creates {DEVICE}"
    else:
        step = "see host cpu above"
    return Check(_GROUP, name, Level.FAIL, kvm.reason, step)


def _end_other_hypervisor(modules: tuple[str, ...]) -> str:
    found = "another hypervisor uses the virtualisation of the processor"
    if not modules:
        return f"{found}: stop it, and unload its kernel module (lsmod)"
    return f"{found}: end its guests, then modprobe -r {' '.join(modules)}"


def _nested(facts: HostFacts) -> Check:
    name, nested = "nested", facts.kvm.nested
    if nested is None:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "the kernel does not say whether guests can run nested guests")
    return Check(_GROUP, name, Level.OK, f"guests {'can' if nested else 'cannot'} run nested guests")


def _vhost(facts: HostFacts) -> Check:
    name = "vhost-net"
    if facts.devices.vhost_net:
        return Check(_GROUP, name, Level.OK, "/dev/vhost-net exists")
    step = load(facts, "vhost_net", "/dev/vhost-net")
    return Check(_GROUP, name, Level.WARN, "no /dev/vhost-net: networking of guests is slower", step)


def load(facts: HostFacts, module: str, device: str) -> str:
    """Return how to create a device. A container cannot load modules."""
    return _pass_in(device) if facts.environment.container else f"modprobe {module}"


def _pass_in(device: str) -> str:
    return f"pass it into the container, as in `docker run --device {device}`"
