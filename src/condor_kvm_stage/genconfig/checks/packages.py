"""Next steps that install packages: the command and the names of this host's distribution."""

from __future__ import annotations

from ..probes.collect import HostFacts

NO_VIRSH = "no program virsh"  # of Host.run()
# openSUSE's names, by those of EL and Fedora; the others are the same there
_OF_SUSE = {
    "libvirt-daemon-kvm": "libvirt-daemon-qemu",
    "qemu-img": "qemu-tools",
}
_OF_SUSE_X86 = {"edk2-ovmf": "qemu-ovmf-x86_64", "qemu-kvm-core": "qemu-x86"}
_OF_SUSE_ARM = {"edk2-ovmf": "qemu-uefi-aarch64", "qemu-kvm-core": "qemu-arm"}


def install(facts: HostFacts, *names: str) -> str:
    """Return the command that installs packages, which are named as on EL."""
    return _command(facts, "dnf install", "zypper install", names)


def virsh(facts: HostFacts) -> str:
    """Return the command that installs virsh."""
    return install(facts, "libvirt-client")


def reinstall(facts: HostFacts, name: str) -> str:
    """Return the command that installs again what is installed."""
    return _command(facts, "dnf reinstall", "zypper install --force", (name,))


def upgrade(facts: HostFacts, *names: str) -> str:
    """Return the command that upgrades packages, all of them if none is named."""
    return _command(facts, "dnf upgrade", "zypper update", names)


def _command(facts: HostFacts, of_el: str, of_suse: str, names: tuple[str, ...]) -> str:
    if not facts.environment.suse:
        return " ".join([of_el, *names])
    here = {**_OF_SUSE, **(_OF_SUSE_ARM if facts.cpu.architecture == "aarch64" else _OF_SUSE_X86)}
    return " ".join([of_suse, *(here.get(name, name) for name in names)])
