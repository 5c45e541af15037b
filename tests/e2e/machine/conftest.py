"""A machine with the package and the kernel's NFS, server and client, for the tests in this directory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.machine import filer
from testnode import machine, site, stages
from testnode.node import Node


@pytest.fixture(scope="session")
def nfs() -> Iterator[Node]:
    """The machine, with filer.MOUNTS."""
    with machine.running() as worker:
        stages.install(stages.make_bare(worker))
        filer.serve(worker)
        with site.policy(worker, filer.POLICY):
            yield worker
