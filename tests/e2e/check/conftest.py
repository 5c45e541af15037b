"""A worker node for the tests of --check: one for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testnode import node, stages
from testnode.node import Node


@pytest.fixture(scope="package")
def own() -> Iterator[Node]:
    """A node of our own after `dnf install`."""
    with node.running() as worker:
        installed = stages.install(stages.make_bare(worker))
        yield installed.node
