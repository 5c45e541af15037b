"""Run virsh against root's libvirt daemon."""

from __future__ import annotations

from ..answer import Answer
from ..host import Host

URI = "qemu:///system"  # the vm-gahp's qemu:///session is the same for root


def run(host: Host, timeout: float, *command: str) -> Answer:
    """Run a virsh command."""
    return host.run("virsh", "--quiet", "--connect", URI, *command, timeout=timeout)
