"""Ask /dev/kvm itself whether this host can run KVM guests.

The device is the truth; CPU flags only explain a failure: a para-virtualised KVM works without the flag, a
container may see the flag and have no device.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

# Linux's Documentation/virt/kvm/api.rst, sections 4.1 and 4.2; both numbers are _IO(KVMIO = 0xAE, n).
_KVM_GET_API_VERSION = 0xAE00
_KVM_CREATE_VM = 0xAE01
_STABLE_API_VERSION = 12


@dataclass(frozen=True)
class KvmDevice:
    """What /dev/kvm answered. `usable` says whether it made a virtual machine; if not, `reason` says why (one line).

    `forbidden`: the device is there, but not for this user; as root the answer may be another.
    """

    usable: bool
    reason: str = ""
    forbidden: bool = False


def probe(root: Path = Path("/")) -> KvmDevice:
    """Open dev/kvm under root, ask for its API version and let it create an (empty) virtual machine."""
    device = root / "dev/kvm"
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        forbidden = isinstance(error, PermissionError)
        return KvmDevice(False, f"cannot open /dev/kvm: {error.strerror}", forbidden)
    try:
        version = fcntl.ioctl(descriptor, _KVM_GET_API_VERSION, 0)
        if version != _STABLE_API_VERSION:
            return KvmDevice(False, f"/dev/kvm has API version {version}, not {_STABLE_API_VERSION}")
        os.close(fcntl.ioctl(descriptor, _KVM_CREATE_VM, 0))
    except OSError as error:
        return KvmDevice(False, f"/dev/kvm does not create virtual machines: {error.strerror}")
    finally:
        os.close(descriptor)
    return KvmDevice(True)
