"""A machine whose kernel enforces mandatory access control, with the package and images on NFS; its jobs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from e2e.machine import filer
from testnode import jobs, machine, pool, recipe, site, stages
from testnode.machine_flavour import Flavour
from testnode.node import Node

HOME = f"home/{recipe.USER}"
ON_SERVER = f"{filer.SERVER}{filer.EXPORT}"
LOCAL = jobs.BASE


@contextlib.contextmanager
def worker(flavour: Flavour) -> Iterator[Node]:
    """Give a machine with filer.MOUNTS that offers VM universe."""
    with machine.running(flavour=flavour) as node:
        stages.make_bare(node)
        node.run("dnf --assumeyes install condor-kvm-stage", timeout=120)
        node.wait_until(lambda: "nfs" in pool.transfer_methods(node), "the slot advertises nfs", 60)
        filer.serve(node)
        # such a machine may be slow
        policy = "[htcondor]\npatience = 300\nwait = 300\n" + filer.policy([*filer.PLACES.values(), "/srv/images"])
        with site.policy(node, policy):
            node.run("condor-kvm-stage-genconfig --apply", timeout=200)
            yield node


def job(name: str, image: str, *more: str) -> str:
    """Return a job of the package's example, from a directory of its own. image: what follows nfs://."""
    text = jobs.VM_JOB.replace(f"nfs://{jobs.BASE}", f"nfs://{image}")
    lines = "".join(f"{line}\n" for line in (f"initialdir = {name}", f"log = {name}.log", *more))
    return text.replace("log = vm-job.log\n", lines)


def submit(node: Node, name: str, image: str, *more: str) -> int:
    """Submit a job. Returns its cluster."""
    node.run(["mkdir", "--parents", name], user=recipe.USER)
    return pool.submit(node, f"{name}.sub", job(name, image, *more))
