"""The same with HTCondor 23: it runs the node's program, and takes its output, as 25 does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.health import worker as health
from e2e.health.test_faults import check
from testnode.node import Node
from testnode.recipe import Release

pytestmark = [pytest.mark.guest, pytest.mark.full]


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with health.node(health.POLICY, Release.TRIXIE) as worker:
        yield worker


def test_share_that_is_gone_keeps_vm_jobs_out_until_it_is_back(node: Node) -> None:
    check(node, "share", health.unmounted(node))
