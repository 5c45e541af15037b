"""Where the generator runs: on a booted system or in an image build, in a container or a virtual machine; SELinux."""

from __future__ import annotations

from ...host import Host
from ...record import dataclass


@dataclass(frozen=True)
class Environment:
    """The system that the generator runs on."""

    booted: bool  # whether systemd runs it (sd_booted(3)); if not, this is an image build or a bare container
    container: str  # the kind of container, such as "docker"; "" for none
    machine: str  # the hypervisor that runs this virtual machine, such as "KVM"; "" for none or an unknown one
    selinux: str  # "disabled", "permissive" or "enforcing"
    suse: bool = False  # whether this is openSUSE or SLES, which have zypper, and other names of packages


def probe(host: Host) -> Environment:
    """Read the files that systemd, the container engine, the firmware and SELinux provide."""
    return Environment(
        booted=host.exists("/run/systemd/system"),
        container=_container(host),
        machine=_machine(host),
        selinux=_selinux(host),
        suse=_is_suse(host),
    )


def _container(host: Host) -> str:
    """systemd's "The Container Interface"; docker and podman have their own marker files."""
    for path, kind in (("/.dockerenv", "docker"), ("/run/.containerenv", "podman")):
        if host.exists(path):
            return kind
    kind = (host.text("/run/systemd/container") or "").strip()
    return kind or ("container" if host.exists("/run/host/container-manager") else "")


def _machine(host: Host) -> str:
    """SMBIOS's system vendor, which virt-what and systemd-detect-virt use, too; some also make real hardware."""
    vendor, product = (
        (host.text(f"/sys/class/dmi/id/{name}") or "").strip() for name in ("sys_vendor", "product_name")
    )
    names = {
        "QEMU": "KVM",
        "Red Hat": "KVM",
        "VMware, Inc.": "VMware",
        "Xen": "Xen",
        "innotek GmbH": "VirtualBox",
        "Amazon EC2": "Amazon EC2",
        "Google": "Google Compute Engine",
        "Microsoft Corporation": "Hyper-V",
    }
    products = {"Google": "Google Compute Engine", "Microsoft Corporation": "Virtual Machine"}
    if product != products.get(vendor, product) or product.endswith(".metal"):
        return ""
    return names.get(vendor, "")


def _is_suse(host: Host) -> bool:
    """os-release(5): ID, such as opensuse-leap, and what it resembles."""
    text = host.text("/etc/os-release") or host.text("/usr/lib/os-release") or ""
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    words = " ".join(values.get(name, "").strip("\"'") for name in ("ID", "ID_LIKE")).split()
    return any(word in ("suse", "sles") or word.startswith("opensuse") for word in words)


def _selinux(host: Host) -> str:
    """selinux(8): selinuxfs is mounted where SELinux is on."""
    enforcing = host.text("/sys/fs/selinux/enforce")
    if enforcing is None:
        return "disabled"
    return "enforcing" if enforcing.strip() == "1" else "permissive"
