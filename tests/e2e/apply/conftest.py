"""A worker node for the tests of --apply: one for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.apply.worker import APPLY
from testnode import node, pool, stages
from testnode.node import Node


@pytest.fixture(scope="package")
def fresh() -> Iterator[stages.Installed]:
    """A node of our own after `dnf install`."""
    with node.running() as worker:
        bare = stages.make_bare(worker)
        pool.restart_at_once(worker)
        yield stages.install(bare)


@pytest.fixture
def own(fresh: stages.Installed) -> Iterator[Node]:
    """The node, idle, with the policy that the package brings; it becomes so again after the test."""
    yield fresh.node
    fresh.node.wait_until(lambda: pool.transfer_methods(fresh.node) != set(), "HTCondor runs", 60)
    fresh.node.run(APPLY, timeout=150)
