"""A worker node for the tests of upgrade and removal: its dnf knows an older build besides the package in dist/."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.install.worker import Worker
from testnode import builds, node, pool, stages


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A node of the module's own, without the package at first."""
    with node.running() as started:
        bare = stages.make_bare(started, builds.older(tmp_path_factory.mktemp("older")))
        pool.restart_at_once(started)
        yield Worker(bare)


@pytest.fixture
def unset(own: Worker) -> Iterator[Worker]:
    """The node without the package, as it was before it; it becomes so again after the test."""
    yield own
    own.clean()
