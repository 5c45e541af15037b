"""Run virsh against root's libvirt daemon."""

from __future__ import annotations

from collections.abc import Callable

from ..answer import Answer
from ..host import Host

URI = "qemu:///system"  # the vm-gahp's qemu:///session is the same for root


def command(*words: str) -> list[str]:
    """Return the command line of a virsh command."""
    return ["virsh", "--quiet", "--connect", URI, *words]


def run(host: Host, timeout: float, *words: str) -> Answer:
    """Run a virsh command."""
    return host.run(*command(*words), timeout=timeout)


def start(host: Host, timeout: float, *words: str) -> Callable[[], Answer]:
    """Start a virsh command, like Host.start()."""
    return host.start(*command(*words), timeout=timeout)
