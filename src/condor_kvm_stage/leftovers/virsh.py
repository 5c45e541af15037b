"""Run virsh against root's libvirt daemon."""

from __future__ import annotations

from collections.abc import Callable

from ..answer import Answer
from ..host import Host

URI = "qemu:///system"  # the vm-gahp's qemu:///session is the same for root
_VIRSH = ("virsh", "--quiet", "--connect", URI)


def run(host: Host, timeout: float, *command: str) -> Answer:
    """Run a virsh command."""
    return host.run(*_VIRSH, *command, timeout=timeout)


def start(host: Host, timeout: float, *command: str) -> Callable[[], Answer]:
    """Start a virsh command, like Host.start()."""
    return host.start(*_VIRSH, *command, timeout=timeout)
