"""What else of the host guests use: devices, control groups, an IOMMU. What `virt-host-validate qemu` looks at, too."""

from __future__ import annotations

from dataclasses import dataclass

from ...host import Host
from ...installed import BUILDER, HOOK, PLUGINS

CONTROLLERS = ("memory", "cpu", "cpuacct", "cpuset", "devices", "blkio")
_V2_NAMES = {"blkio": "io"}
# On cgroup v2 no controllers: CPU time is always accounted for, devices are a matter of BPF programs
_V2_ALWAYS = ("cpuacct", "devices")


@dataclass(frozen=True)
class Platform:
    """tun, vhost_net: whether /dev/net/tun and /dev/vhost-net are there. controllers: those of CONTROLLERS on the host.

    iommu: "" where the kernel uses one, else why not. secure_guests: the kind of memory encryption for guests, as
    "SEV" or "TDX", "" for none. interfaces: the names of the network interfaces. qemu: the emulator's path, "" for
    none; the other programs likewise. plugin: where ours is, or belongs. missing: those of BUILDER and HOOK that cannot
    be run.
    """

    tun: bool
    vhost_net: bool
    controllers: tuple[str, ...]
    iommu: str
    secure_guests: str
    interfaces: tuple[str, ...]
    qemu: str
    qemu_img: str
    vm_gahp: str
    plugin: str
    missing: tuple[str, ...]


def probe(host: Host) -> Platform:
    """Look at /dev and /sys, and for programs."""
    return Platform(
        tun=host.exists("/dev/net/tun"),
        vhost_net=host.exists("/dev/vhost-net"),
        controllers=_controllers(host),
        iommu=_iommu(host),
        secure_guests=_secure_guests(host),
        interfaces=tuple(host.names("/sys/class/net")),
        qemu=emulator(host),
        qemu_img=host.program("qemu-img"),
        vm_gahp=host.program("condor_vm-gahp"),
        plugin=plugin(host),
        missing=tuple(path for path in (BUILDER, HOOK) if not host.program(path)),
    )


def plugin(host: Host) -> str:
    """Return where the plug-in is, or belongs."""
    return next((place for place in PLUGINS if host.program(place)), PLUGINS[0])


def emulator(host: Host) -> str:
    """Return QEMU's path, "" for none. EL has one, in a directory of its own; Fedora and Debian one an architecture."""
    for name in ("/usr/libexec/qemu-kvm", "qemu-system-x86_64", "qemu-system-aarch64", "qemu-kvm"):
        if program := host.program(name):
            return program
    return ""


def _controllers(host: Host) -> tuple[str, ...]:
    """cgroups(7): v2 lists them in one file, v1 has a directory for each."""
    unified = host.text("/sys/fs/cgroup/cgroup.controllers")
    if unified is not None:
        there = set(unified.split())
        return tuple(n for n in CONTROLLERS if n in _V2_ALWAYS or _V2_NAMES.get(n, n) in there)
    return tuple(name for name in CONTROLLERS if host.exists(f"/sys/fs/cgroup/{name}"))


def _iommu(host: Host) -> str:
    """Linux's Documentation/arch/x86/iommu.rst: ACPI has DMAR (Intel) or IVRS (AMD); groups say that it is used."""
    if host.names("/sys/kernel/iommu_groups"):
        return ""
    tables = [name for name in ("DMAR", "IVRS") if host.exists(f"/sys/firmware/acpi/tables/{name}")]
    if tables:
        return f"ACPI has a table {tables[0]}, but the kernel uses no IOMMU"
    return "no ACPI table DMAR or IVRS"


def _secure_guests(host: Host) -> str:
    """The parameters of KVM's modules (Linux's Documentation/admin-guide/kernel-parameters.txt, kvm_amd.sev)."""
    for module, parameter, kind in (
        ("kvm_amd", "sev_snp", "SEV-SNP"),
        ("kvm_amd", "sev", "SEV"),
        ("kvm_intel", "tdx", "TDX"),
    ):
        if (host.text(f"/sys/module/{module}/parameters/{parameter}") or "").strip() in ("Y", "1"):
            return kind
    return ""
