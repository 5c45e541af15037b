"""A site's machine in the course of its verification, and what can be said of it: versions, files that are ours."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from testnode.node import Node
from testnode.run import TestNodeError, run

from .targets import Target

INSTALLATION = 1800  # seconds, with the download of what a package needs
_SELINUX = Path("/sys/fs/selinux/enforce")
# Programs, because each system packages them under other names: EL's QEMU is not in the PATH
_VERSIONS = {
    "kernel": "uname -r",
    "rpm": "rpm --version | sed 's/.* //'",
    "Python": "python3 --version | sed 's/.* //'",
    "libvirt": "virsh --version",
    "QEMU": "for q in /usr/libexec/qemu-kvm qemu-system-x86_64; do command -v $q > /dev/null && "
    "$q --version | sed -n '1s/.*version \\([0-9.]*[0-9]\\).*/\\1/p' && break; done",
    "HTCondor": "condor_version | sed -n 's/^$CondorVersion: \\([0-9.]*\\).*/\\1/p'",
}
_SYSTEM = '. /etc/os-release; echo "$NAME ${VERSION_ID:-}"'


class NotThereError(TestNodeError):
    """A step cannot be carried out on this system, for a reason that is not the package's."""


@dataclass
class Site:
    """A target's node, and what the steps have found there."""

    node: Node
    target: Target
    channel: str  # of HTCondor's repository, "" for none
    packages: tuple[str, ...]  # ours, their paths on the node
    exceptions: str  # rpmlint's, their path on the node
    place: str  # in words, for the record
    before: set[str] = field(default_factory=set)  # files with our names before the packages were installed
    versions: dict[str, str] = field(default_factory=dict)

    def shell(self, command: str, *, timeout: float = 60) -> str:
        """Run a shell command as root. Returns what it printed."""
        return self.node.run(["sh", "-c", command], timeout=timeout).stdout.strip()

    def install(self, *packages: str) -> None:
        """Install packages from the repositories."""
        self.node.run([*self.target.packager.install, *packages], timeout=INSTALLATION)

    def ours(self) -> set[str]:
        """Return the paths of files that have our names. What the container was given is another file system."""
        # this machine's find, because an image may have none
        root = f"{self.node.root}/"
        names = ["(", "-name", "*kvm-stage*", "-o", "-name", "*kvm_stage*", "-o", "-name", "vm-nfs-plugin*", ")"]
        found = run(["find", root, f"{root}run", f"{root}tmp", "-xdev", *names], timeout=120).stdout
        return {line.removeprefix(root) for line in found.splitlines()}

    def missing(self, paths: Sequence[str]) -> list[str]:
        """Return those of some paths at which nothing is."""
        return [path for path in paths if not os.path.lexists(self.node.root / path.lstrip("/"))]

    def look_for_versions(self) -> dict[str, str]:
        """Return the versions of what the package needs, those that are there, and this machine's SELinux mode."""
        found = {self.shell(_SYSTEM): self.place}
        for name, command in _VERSIONS.items():
            result = self.node.run(["sh", "-c", f"{{ {command}; }} 2> /dev/null"], check=False)
            if result.stdout.strip():
                found[name] = result.stdout.strip()
        return {**found, "SELinux": selinux(_SELINUX)}


def selinux(enforce: Path) -> str:
    """Return the mode of this machine's SELinux, by the file in which the kernel says it."""
    try:
        return "enforcing" if enforce.read_text(encoding="ascii") == "1" else "permissive"
    except FileNotFoundError:
        return "off"
