"""A guest that QEMU has paused, because the node's disk is full, is noticed, and its job ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.domain import scene
from e2e.gahp import worker as gahp
from testnode import pool, site
from testnode.node import Node
from testnode.recipe import Release

pytestmark = [pytest.mark.guest, pytest.mark.full]

PAUSED = "the guest is paused by an I/O error"
FILL = f"{scene.EXECUTE}/filled"


@pytest.fixture(scope="module", params=[Release.TESTING, pytest.param(Release.TRIXIE, marks=pytest.mark.full)])
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    with gahp.node(request.param) as worker:
        worker.run(["mount", "-t", "tmpfs", "-o", "size=32m,mode=755,uid=condor,gid=condor", "tmpfs", scene.EXECUTE])
        yield worker


def job_that_fills_the_disk(node: Node, name: str) -> int:
    """Submit a job whose guest writes when the disk is full. Returns its cluster once the guest is paused."""
    job = gahp.submit(node, name, gahp.WRITES)
    gahp.wait_for_guest(node, job)
    node.run(["dd", "if=/dev/zero", f"of={FILL}", "bs=1M", "status=none"], check=False)
    state = ["virsh", "domstate", "--reason", gahp.domain(job)]
    node.wait_until(lambda: "I/O error" in node.run(state, check=False).stdout, "the guest is paused", 60)
    return job


def test_job_ends_with_a_status_of_its_own_and_its_ad_says_why(node: Node) -> None:
    job = job_that_fills_the_disk(node, "ends")
    node.wait_until(lambda: PAUSED in gahp.filter_log(node), "the administrator is told", 20)
    node.wait_until(lambda: not gahp.runs(node, job), "the guest is ended", 60)
    node.run(["rm", FILL])
    ad = gahp.end(node, job, "ends")
    assert ad["ExitCode"] == 74
    assert PAUSED in ad["ChirpGuestProblem"]


def test_policy_can_let_it_wait_for_space(node: Node) -> None:
    with site.policy(node, '[guest]\nfull_disk = "wait"\n'):
        job = job_that_fills_the_disk(node, "waits")
        with pytest.raises(Exception, match="timed out"):
            node.wait_until(lambda: not gahp.runs(node, job), "the guest is ended", 60)
        node.run(["rm", FILL])
        node.run(["virsh", "resume", gahp.domain(job)])
        assert gahp.end(node, job, "waits")["ExitCode"] == 0
    assert pool.slot_ad(node)["HasVM"] is True
