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
