"""A slot that is claimed already, in which the next VM job of its user would start without a new match."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from e2e.domain import scene
from e2e.gahp import worker as gahp
from e2e.health import worker as health
from testnode import pool
from testnode.node import Node

pytestmark = [pytest.mark.guest, pytest.mark.full]


WHOLE = ("request_cpus = 64", "vm_vcpus = 1")  # the node has no other slot for the second job


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with health.node(health.POLICY) as worker:
        yield worker


def test_node_that_is_not_healthy_starts_no_vm_job_in_a_claimed_slot_either(node: Node) -> None:
    first = gahp.submit(node, "first", gahp.MINUTE, *WHOLE)
    gahp.wait_for_guest(node, first, 90)
    second = gahp.submit(node, "second", gahp.MINUTE, *WHOLE)
    with health.unmounted(node):
        health.wait_for(node, "share")
        assert gahp.end(node, first, "first", 180)["ExitCode"] == 0, "the job that runs is left alone"
        time.sleep(20)  # negotiations
        assert pool.job_ad(node, second)["JobStatus"] == pool.IDLE
        # The access point may try it in the slot, whose startd refuses it
        assert not pool.job_ad(node, second).get("NumJobStarts")
        assert scene.logs(node, second) == [], "no guest was started"
    gahp.wait_for_guest(node, second, 90)
    gahp.remove(node, second)
