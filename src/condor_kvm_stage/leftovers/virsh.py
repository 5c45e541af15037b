"""virsh, asking root's libvirt."""

from __future__ import annotations

from ..host import Answer, Host

URI = "qemu:///system"  # as root the vm-gahp's qemu:///session is the same


def run(host: Host, timeout: float, *command: str) -> Answer:
    """Let virsh carry out a command at root's libvirt."""
    return host.run("virsh", "--quiet", "--connect", URI, *command, timeout=timeout)
