"""Which programs the host has: QEMU's, HTCondor's, and those of this package that HTCondor runs."""

from __future__ import annotations

from ...host import Host
from ...installed import BUILD_DOMAIN, BUILDER, GAHP, HOOK, PLUGINS
from ...record import dataclass


@dataclass(frozen=True)
class Programs:
    """Absolute paths; "" for a program that does not exist or is not executable."""

    qemu: str
    qemu_img: str
    xorriso: str
    vm_gahp: str
    plugin: str  # where the plug-in is, or belongs
    missing: tuple[str, ...]  # which of BUILDER, BUILD_DOMAIN, HOOK and GAHP cannot be run


def probe(host: Host) -> Programs:
    """Look for the programs."""
    return Programs(
        qemu=emulator(host),
        qemu_img=host.program("qemu-img"),
        xorriso=host.program("xorriso"),
        vm_gahp=host.program("condor_vm-gahp"),
        plugin=plugin(host),
        missing=tuple(path for path in (BUILDER, BUILD_DOMAIN, HOOK, GAHP) if not host.program(path)),
    )


def plugin(host: Host) -> str:
    """Return where the plug-in is, or belongs."""
    return next((path for path in PLUGINS if host.program(path)), PLUGINS[0])


def emulator(host: Host) -> str:
    """Return QEMU's path, "" for none. EL has one, in /usr/libexec; Fedora and Debian have one per architecture."""
    for name in ("/usr/libexec/qemu-kvm", "qemu-system-x86_64", "qemu-system-aarch64", "qemu-kvm"):
        if program := host.program(name):
            return program
    return ""
