"""Ask /dev/kvm itself whether this host can run KVM guests.

The device is the truth; CPU flags only explain a failure: a para-virtualised KVM works without the flag, a
container may see the flag and have no device.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from ...host import Host

DEVICE = "/dev/kvm"
# Linux's Documentation/virt/kvm/api.rst, sections 4.1 and 4.2; both numbers are _IO(KVMIO = 0xAE, n).
_KVM_GET_API_VERSION = 0xAE00
_KVM_CREATE_VM = 0xAE01
_STABLE_API_VERSION = 12


@dataclass(frozen=True)
class KvmDevice:
    """What /dev/kvm answered. `usable` says whether it made a virtual machine; if not, `reason` says why (one line).

    code: the errno's name, as "ENOENT", of what failed, "" for nothing. modules: the kernel's kvm modules that are
    loaded, as ("kvm", "kvm_amd"); none if KVM is part of the kernel. nested: whether guests can run guests of their
    own; None if the kernel does not say.
    """

    usable: bool
    reason: str = ""
    code: str = ""
    modules: tuple[str, ...] = ()
    nested: bool | None = None


def probe(host: Host) -> KvmDevice:
    """Open /dev/kvm, ask for its API version and let it create an (empty) virtual machine."""
    reason, code = _ask(host)
    loaded = {line.split(" ", 1)[0] for line in (host.text("/proc/modules") or "").splitlines()}
    modules = tuple(sorted(name for name in loaded if name == "kvm" or name.startswith("kvm_")))
    return KvmDevice(not reason, reason, code, modules, _nested(host))


def _ask(host: Host) -> tuple[str, str]:
    """Return why the device is of no use, and the errno's name; two times "" if it works."""
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
    """Linux's Documentation/virt/kvm/x86/running-nested-guests.rst: "Y" or "1" of the module's parameter."""
    for module in ("kvm_intel", "kvm_amd"):
        value = host.text(f"/sys/module/{module}/parameters/nested")
        if value is not None:
            return value.strip() in ("Y", "1")
    return None
