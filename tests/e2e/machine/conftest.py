"""A machine with the package and the kernel's NFS, server and client, for the tests in this directory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.machine import filer
from testnode import machine, pool, site, stages
from testnode.node import Node


@pytest.fixture(scope="session")
def nfs() -> Iterator[Node]:
    """The machine, with filer.MOUNTS."""
    with machine.running() as worker:
        stages.make_bare(worker)
        worker.run("dnf --assumeyes install condor-kvm-stage", timeout=120)
        # not stages.wait_for_nfs(): before, HTCondor may have given up others' plug-ins that did not answer in time
        worker.wait_until(lambda: "nfs" in pool.transfer_methods(worker), "the slot advertises nfs", 60)
        filer.serve(worker)
        with site.policy(worker, filer.policy(filer.PLACES.values())):
            yield worker
