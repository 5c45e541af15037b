"""Ask /dev/kvm whether this host can run KVM guests.

The device decides; CPU flags only explain a failure. Paravirtualised KVM works without the flag, and a container may
see the flag but have no device.
"""

from __future__ import annotations

import errno
import os

from ...host import Host
from ...record import dataclass

DEVICE = "/dev/kvm"
# Linux's Documentation/virt/kvm/api.rst, sections 4.1 and 4.2; both numbers are _IO(KVMIO = 0xAE, n).
_KVM_GET_API_VERSION = 0xAE00
_KVM_CREATE_VM = 0xAE01
_STABLE_API_VERSION = 12
# Hypervisors that take the virtualisation of the processor while their guests run: KVM gets EBUSY
_RIVALS = frozenset({"vboxdrv", "vmmon"})  # VirtualBox, VMware


@dataclass(frozen=True)
class KvmDevice:
    """What /dev/kvm answered."""

    usable: bool  # whether it created a virtual machine
    reason: str = ""  # why it is not usable, on one line; "" if it is
    code: str = ""  # the name of the errno, such as "ENOENT"; "" if usable, or if no system call failed
    modules: tuple[str, ...] = ()  # KVM modules that are loaded, such as ("kvm", "kvm_amd"); () if built in
    nested: bool | None = None  # whether guests can run guests; None if the kernel does not say
    rivals: tuple[str, ...] = ()  # loaded modules of other hypervisors, such as ("vboxdrv",)

    @property
    def denied(self) -> bool:
        """Whether it exists, but its mode does not let this user open it. A container's device list gives EPERM."""
        return self.code == "EACCES"


def probe(host: Host) -> KvmDevice:
    """Open /dev/kvm, ask for its API version and have it create an (empty) virtual machine."""
    reason, code = _ask(host)
    loaded = {line.split(" ", 1)[0] for line in (host.text("/proc/modules") or "").splitlines()}
    modules = tuple(sorted(name for name in loaded if name == "kvm" or name.startswith("kvm_")))
    return KvmDevice(not reason, reason, code, modules, _nested(host), tuple(sorted(loaded & _RIVALS)))


def _ask(host: Host) -> tuple[str, str]:
    """Return why the device is not usable, and the name of the errno; "" twice if it works."""
    try:
        descriptor = host.device(DEVICE)
    except OSError as error:
        return f"cannot open {DEVICE}: {error.strerror}", _name(error)
    try:
        version = host.ioctl(descriptor, _KVM_GET_API_VERSION)
        if version != _STABLE_API_VERSION:
            return f"{DEVICE} has API version {version}, not {_STABLE_API_VERSION}", ""
        os.close(host.ioctl(descriptor, _KVM_CREATE_VM))
    except OSError as error:
        return f"{DEVICE} does not create virtual machines: {error.strerror}", _name(error)
    finally:
        os.close(descriptor)
    return "", ""


def _name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, str(error.errno))


def _nested(host: Host) -> bool | None:
    """The module's parameter is "Y" or "1" (Linux's Documentation/virt/kvm/x86/running-nested-guests.rst)."""
    for module in ("kvm_intel", "kvm_amd"):
        value = host.text(f"/sys/module/{module}/parameters/nested")
        if value is not None:
            return value.strip() in ("Y", "1")
    return None
