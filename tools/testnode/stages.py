"""The stages that a node goes through in the demo and the tests: bare, then with the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import evidence, guest, jobs, pool, repository, site
from .node import Node
from .run import progress


@dataclass(frozen=True)
class Bare:
    """A node without the package."""

    node: Node
    methods: set[str]  # the transfer methods that its slot advertises
    base_sha256: str  # the checksum of its base image
    package: str  # the path of the package to install


@dataclass(frozen=True)
class Installed:
    """A node after `dnf install`."""

    bare: Bare
    node: Node
    output: str  # of dnf


def make_bare(worker: Node, *more: Path) -> Bare:
    """Prepare a new node: a repository with the package, and more, and a base image; wait for its HTCondor."""
    package = repository.put_on(worker, *more)
    site.watch(worker, "1d")  # else it would repair, or stop jobs from, what a test breaks
    guest.write_base(worker.root / jobs.BASE.lstrip("/"), "qcow2")
    progress("waiting for HTCondor")
    pool.wait_for_slot(worker)
    return Bare(worker, pool.transfer_methods(worker), evidence.sha256(worker, jobs.BASE), package.name)


def wait_for_nfs(bare: Bare) -> None:
    """Wait until the slot of a node with the package advertises nfs in addition to what it did before."""
    bare.node.wait_until(
        lambda: pool.transfer_methods(bare.node) == bare.methods | {"nfs"},
        "the slot advertises nfs in addition to the rest",
        60,
    )


def wait_for_vm_universe(worker: Node, offered: bool) -> None:
    """Wait until the slot advertises nfs, and HasVM = `offered`."""

    def advertised() -> bool:
        slot = pool.slot_ad(worker)
        return slot.get("HasVM") is offered and "nfs" in pool.methods_in(slot)

    worker.wait_until(advertised, f"the slot advertises nfs and HasVM = {offered}", 90)


def install(bare: Bare) -> Installed:
    """Install the package like an administrator."""
    output = bare.node.run("dnf --assumeyes install condor-kvm-stage", timeout=120).stdout
    wait_for_nfs(bare)
    return Installed(bare, bare.node, output)
