"""A node with libvirt's modular daemons, on which libvirt has been installed since the last boot, like the package."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from e2e.gahp import worker as gahp
from testnode import modular, node, pool, stages
from testnode.node import Node
from testnode.stages import Installed

QEMU, NETWORK = "virtqemud", "virtnetworkd"
SOCKETS = (f"{QEMU}.socket", f"{NETWORK}.socket")
NAT = ("vm_networking = True", "vm_networking_type = nat")
_IMAGES = (gahp.MINUTE, gahp.LONG)


@contextlib.contextmanager
def installed() -> Iterator[Installed]:
    """Give a node after `dnf install`. Its libvirt is as EL's RPMs leave it: enabled, and started at the next boot."""
    with modular.tree() as tree, node.running(tree=tree) as worker:
        bare = stages.make_bare(worker)
        pool.restart_at_once(worker)
        for path in _IMAGES:
            program, ticks = gahp.IMAGES[path]
            gahp.write_image(worker, path, program, ticks)
        stop(worker)
        yield stages.install(bare)


def stop(worker: Node) -> None:
    """Stop all of libvirt's daemons."""
    worker.run(["systemctl", "stop", "virt*.socket", "virt*.service"])


def states(worker: Node, *units: str) -> list[str]:
    """Return whether units are active, in systemd's words."""
    return worker.run(["systemctl", "is-active", *units], check=False).stdout.split()


def wait_until_daemons_leave(worker: Node) -> None:
    """Wait until nobody has asked libvirt's daemon for QEMU for so long that it ends: 120 s (--timeout)."""
    worker.wait_until(
        lambda: states(worker, f"{QEMU}.service") == ["inactive"], f"{QEMU} leaves, which nobody asks", 240
    )


def run(worker: Node, name: str, *more: str) -> None:
    """Run a job to its end. Raises TestNodeError if it does not end well."""
    cluster = gahp.submit(worker, name, gahp.MINUTE, *more)
    ad = gahp.end(worker, cluster, name, 240)
    assert (ad["ExitCode"], ad["NumJobStarts"]) == (0, 1), ad.get("ChirpGuestProblem")
