"""What the kernel provides for guests: devices, control groups, an IOMMU. See also `virt-host-validate qemu`."""

from __future__ import annotations

from ...host import Host
from ...record import dataclass
from ..outcome import PASSED, Outcome, failed

CONTROLLERS = ("memory", "cpu", "cpuacct", "cpuset", "devices", "blkio")
_V2_NAMES = {"blkio": "io"}
# Not controllers in cgroup v2: CPU time is always accounted for, devices are controlled by BPF programs
_V2_ALWAYS = ("cpuacct", "devices")


@dataclass(frozen=True)
class Devices:
    """What the kernel provides for guests."""

    vhost_net: bool  # whether /dev/vhost-net exists
    controllers: tuple[str, ...]  # those of CONTROLLERS on the host
    iommu: Outcome  # whether the kernel uses one
    secure_guests: str  # the kind of memory encryption for guests, such as "SEV" or "TDX"; "" for none
    interfaces: tuple[str, ...]  # the names of the network interfaces


def probe(host: Host) -> Devices:
    """Read /dev and /sys."""
    return Devices(
        vhost_net=host.exists("/dev/vhost-net"),
        controllers=_controllers(host),
        iommu=_iommu(host),
        secure_guests=_secure_guests(host),
        interfaces=tuple(host.names("/sys/class/net")),
    )


def _controllers(host: Host) -> tuple[str, ...]:
    """cgroups(7): v2 lists them in one file, v1 has a directory for each."""
    unified = host.text("/sys/fs/cgroup/cgroup.controllers")
    if unified is not None:
        there = set(unified.split())
        return tuple(n for n in CONTROLLERS if n in _V2_ALWAYS or _V2_NAMES.get(n, n) in there)
    return tuple(name for name in CONTROLLERS if host.exists(f"/sys/fs/cgroup/{name}"))


def _iommu(host: Host) -> Outcome:
    """Linux's Documentation/arch/x86/iommu.rst: ACPI has DMAR (Intel) or IVRS (AMD); groups show that it is used."""
    if host.names("/sys/kernel/iommu_groups"):
        return PASSED
    tables = [name for name in ("DMAR", "IVRS") if host.exists(f"/sys/firmware/acpi/tables/{name}")]
    if tables:
        return failed(f"ACPI has a table {tables[0]}, but the kernel uses no IOMMU")
    return failed("no ACPI table DMAR or IVRS")


def _secure_guests(host: Host) -> str:
    """Parameters of KVM's modules (Linux's Documentation/admin-guide/kernel-parameters.txt, kvm_amd.sev)."""
    for module, parameter, kind in (
        ("kvm_amd", "sev_snp", "SEV-SNP"),
        ("kvm_amd", "sev", "SEV"),
        ("kvm_intel", "tdx", "TDX"),
    ):
        if (host.text(f"/sys/module/{module}/parameters/{parameter}") or "").strip() in ("Y", "1"):
            return kind
    return ""
