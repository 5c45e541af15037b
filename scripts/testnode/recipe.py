"""What is in the test node. Facts only; a change here, or in files/, makes the cached root be built again."""

from __future__ import annotations

import enum
import hashlib
from pathlib import Path


class Release(enum.Enum):
    """The Debian that a node is made of, by its suite: all packages have the same names in each of them."""

    TESTING = "testing"  # HTCondor 25, rpm 6.1, dnf 4.24, Python 3.14
    TRIXIE = "trixie"  # HTCondor 23, rpm 4.20, dnf 4.23, Python 3.13


PACKAGES = [
    # what a worker has anyway
    "systemd",
    "systemd-sysv",
    "dbus",
    "procps",
    "iproute2",
    "python3",
    "python3-jinja2",
    # HTCondor with VM universe, libvirt, KVM
    "condor",
    "condor-vm-gahp",
    "qemu-system-x86",
    "qemu-utils",
    "libvirt-daemon-system",
    "libvirt-clients",
    "passt",
    # what an EL or Fedora worker installs with
    "rpm",
    "dnf",
    # what a test plays a share with; no other FUSE library for Python is in both releases
    "python3-pyfuse3",
]

# The RPM names that our package requires, and the Debian package that stands for each on the node
BRIDGE = {
    "python3": "python3",
    "/usr/bin/python3": "python3",
    "python3-jinja2": "python3-jinja2",
    "/bin/sh": "dash",
    "qemu-img": "qemu-utils",
    "qemu-kvm-core": "qemu-system-x86",
    "libvirt-daemon-driver-qemu": "libvirt-daemon-driver-qemu",
    "condor": "condor",
    "condor-vm-gahp": "condor-vm-gahp",
}

HOSTNAME = "worker"
USER = "alice"  # who submits jobs

FILES = Path(__file__).parent / "files"
# Where each of FILES goes on the node
PLACES = {
    "hosts": "etc/hosts",
    "pool.conf": "etc/condor/config.d/10-pool.conf",
    "condor-kvm-stage.repo": "etc/yum.repos.d/condor-kvm-stage.repo",
}


def digest() -> str:
    """Return a name for this recipe, for all releases together: it changes with the recipe."""
    state = hashlib.sha256()
    for path in sorted([*FILES.iterdir(), Path(__file__), Path(__file__).with_name("root.py")]):
        state.update(path.name.encode() + b"\0" + path.read_bytes())
    return state.hexdigest()[:16]
