"""The contents of a release's root, and of a test node. Facts only; a change here or in files/ rebuilds its root."""

from __future__ import annotations

import enum
import hashlib
from pathlib import Path


class Release(enum.Enum):
    """The Debian that a root is made of, by its suite. Nodes boot from NODES; the others are RPM's older versions."""

    TESTING = "testing"  # HTCondor 25, rpm 6.1, dnf 4.24 and dnf5, Python 3.14
    TRIXIE = "trixie"  # HTCondor 23, rpm 4.20, dnf 4.23, Python 3.13
    BOOKWORM = "bookworm"  # rpm 4.18, dnf 4.14, Python 3.11, SELinux's policy
    BULLSEYE = "bullseye"  # rpm 4.16, dnf 4.5, Python 3.9: the level of EL 9


NODES = (Release.TESTING, Release.TRIXIE)

_COMMON = [
    # what every worker has
    "systemd",
    "python3",
    "python3-jinja2",
    "qemu-utils",
    # what an EL or Fedora worker installs with; it holds rpmbuild, too
    "rpm",
    "dnf",
    # the manual pages and the unit tests, when the package is built
    "python3-docutils",
    "python3-hypothesis",
    "python3-pytest",
    "xorriso",  # on nodes for cloud-init's disks, too
    "strace",
]
_WORKER = [
    "systemd-sysv",
    "dbus",
    "procps",
    "iproute2",
    # HTCondor with VM universe, libvirt, KVM
    "condor",
    "condor-vm-gahp",
    "qemu-system-x86",
    "libvirt-daemon-system",
    "libvirt-clients",
    "passt",
    "ovmf",  # UEFI for guests
    "virtiofsd",  # the job's files in guests
    # for condor_ssh_to_job
    "openssh-client",
    "openssh-server",
    # for shares that a test simulates; the only FUSE library for Python that is in both releases
    "python3-pyfuse3",
]
_OWN = {
    Release.TESTING: [*_WORKER, "dnf5"],
    Release.TRIXIE: _WORKER,
    Release.BOOKWORM: ["selinux-policy-default", "selinux-utils"],  # to look up the context of a path
    Release.BULLSEYE: ["usrmerge"],  # like the others, and EL 9: systemctl is in /usr/bin
}

# Packages that a release lacks, taken from this machine's Debian: pure Python, for every version
BORROWED = {Release.BULLSEYE: ["python3-tomli"]}

# The RPM names that our package requires, and the Debian package that stands for each in every root
_BRIDGE = {
    "python3": "python3",
    "python3-jinja2": "python3-jinja2",
    "/bin/sh": "dash",
    "findutils": "findutils",
    "qemu-img": "qemu-utils",
}
_BRIDGE_TO_WORKER = {
    "qemu-kvm-core": "qemu-system-x86",
    "libvirt-daemon-driver-qemu": "libvirt-daemon-driver-qemu",
    "/usr/bin/virsh": "libvirt-clients",
    "passt": "passt",
    "condor": "condor",
    "condor-vm-gahp": "condor-vm-gahp",
}
# Required names with nothing behind them, where no node boots. HTCondor is not among them: these are hosts without it.
STAND_INS = ("qemu-kvm-core", "libvirt-daemon-driver-qemu", "/usr/bin/virsh")

PACKAGE = "condor-kvm-stage"  # what is tested
HOSTNAME = "worker"
USER = "alice"  # who submits jobs

FILES = Path(__file__).parent / "files"
# Where each of FILES goes, what only nodes have, and what only dnf5 reads
_PLACES = {"hosts": "etc/hosts", "rpm-macros": "etc/rpm/macros"}
_PLACES_FOR_DNF5 = {"dnf5-local.conf": "etc/dnf/libdnf5-plugins/local.conf"}
_PLACES_ON_NODES = {"pool.conf": "etc/condor/config.d/10-pool.conf", "el.tmpfiles": "etc/tmpfiles.d/zz-el.conf"}


def packages(release: Release) -> list[str]:
    """Return the Debian packages of a release's root, without their dependencies."""
    return [*_COMMON, *_OWN[release]]


def bridge(release: Release) -> dict[str, str]:
    """Return the names that RPM is told are installed, each with the Debian package that it stands for."""
    borrowed = {name: name for name in BORROWED.get(release, ())}
    return {**_BRIDGE, **borrowed, **(_BRIDGE_TO_WORKER if release in NODES else {})}


def places(release: Release) -> dict[str, str]:
    """Return where each of FILES goes in a release's root."""
    on_nodes = _PLACES_ON_NODES if release in NODES else {}
    return {**_PLACES, **on_nodes, **(_PLACES_FOR_DNF5 if "dnf5" in packages(release) else {})}


def digest(release: Release) -> str:
    """Return a name for a release's recipe: it changes with the contents of the root."""
    facts = (packages(release), BORROWED.get(release), bridge(release), STAND_INS, places(release), HOSTNAME, USER)
    state = hashlib.sha256(repr(facts).encode())
    files = [FILES / name for name in (*places(release), "bridge.spec")]
    for path in [*files, Path(__file__).with_name("root.py")]:
        state.update(path.name.encode() + b"\0" + path.read_bytes())
    return state.hexdigest()[:16]
