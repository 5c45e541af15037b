"""What is true of this host. Nothing here decides or prints; every probe takes the root that it looks under."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from .. import policy
from ..errors import KvmStageError
from . import image_dirs, kvm

# libvirt's modular daemon, then the monolithic one (libvirt's "Daemons" page)
_LIBVIRT_SOCKETS = ("run/libvirt/virtqemud-sock", "run/libvirt/libvirt-sock")
_VIRTUALISATION_FLAGS = {"vmx": "Intel VT-x", "svm": "AMD-V"}


class FactsError(KvmStageError):
    """A fact without which nothing can be decided could not be had."""


@dataclass(frozen=True)
class HostFacts:
    """One host.

    cpu_virtualisation: the name of the CPU's virtualisation extension as /proc/cpuinfo shows it, "" for none.
    ram_mib: MemTotal of /proc/meminfo, in MiB.
    libvirt: "" if a libvirt daemon for QEMU listens, else the reason why not.
    nat_network: whether libvirt's network `default` is active.
    policy: "" if the site's policy can be read, else the reason why not.
    image_dirs: what image_dirs.attributes() says of the policy's image directories.
    The other fields: whether the program or directory is there.
    """

    cpu_virtualisation: str
    kvm: kvm.KvmDevice
    ram_mib: int
    libvirt: str
    nat_network: bool
    qemu_img: bool
    plugin: bool
    vm_gahp: bool
    htcondor_config: bool
    policy: str
    image_dirs: dict[str, str]


def collect(root: Path = Path("/")) -> HostFacts:
    """Probe the host whose file system is at root.

    Raises FactsError where /proc is not what proc(5) says, or where this user may not look.
    """
    policy_fault, found_dirs = _policy(root)
    try:
        return HostFacts(
            cpu_virtualisation=cpu_virtualisation((root / "proc/cpuinfo").read_text(errors="replace")),
            kvm=kvm.probe(root),
            ram_mib=ram_mib((root / "proc/meminfo").read_text()),
            libvirt=_libvirt(root),
            # libvirt keeps the state of each active network here
            nat_network=(root / "run/libvirt/network/default.xml").exists(),
            qemu_img=_is_program(root / "usr/bin/qemu-img"),
            plugin=_is_program(root / "usr/local/bin/vm-nfs-plugin"),
            vm_gahp=_is_program(root / "usr/sbin/condor_vm-gahp"),
            htcondor_config=(root / "etc/condor/config.d").is_dir(),
            policy=policy_fault,
            image_dirs=found_dirs,
        )
    except OSError as error:
        hint = "run this as root" if isinstance(error, PermissionError) else "check that /proc is mounted"
        raise FactsError(f"cannot look at {error.filename}: {error.strerror}; {hint}") from error


def cpu_virtualisation(cpuinfo: str) -> str:
    """Return the name of the CPU's virtualisation extension from the text of /proc/cpuinfo, "" if it shows none."""
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "flags":
            for flag in value.split():
                if flag in _VIRTUALISATION_FLAGS:
                    return _VIRTUALISATION_FLAGS[flag]
            return ""  # all CPUs of a host have the same flags
    return ""


def ram_mib(meminfo: str) -> int:
    """Return the host's RAM in MiB from the text of /proc/meminfo (`MemTotal: 16384000 kB`). Raises FactsError."""
    for line in meminfo.splitlines():
        key, _, value = line.partition(":")
        fields = value.split()
        if key == "MemTotal" and len(fields) == 2 and fields[1] == "kB" and fields[0].isdecimal():
            return int(fields[0]) // 1024
    raise FactsError("/proc/meminfo has no line 'MemTotal: <number> kB'; is /proc mounted?")


def _libvirt(root: Path) -> str:
    """Connect to libvirt's sockets, as HTCondor's vm-gahp will. A socket file alone may be a dead daemon's."""
    reasons = []
    for name in _LIBVIRT_SOCKETS:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(5)
            try:
                connection.connect(str(root / name))
            except OSError as error:
                reasons.append(f"/{name}: {error.strerror or error}")
            else:
                return ""
    return "no libvirt daemon listens (" + ", ".join(reasons) + ")"


def _policy(root: Path) -> tuple[str, dict[str, str]]:
    """Return what is wrong with the site's policy, "" for nothing, and what there is of its image directories."""
    try:
        return "", image_dirs.attributes(policy.load(str(root).rstrip("/")))
    except policy.PolicyError as error:
        return str(error), {}


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
