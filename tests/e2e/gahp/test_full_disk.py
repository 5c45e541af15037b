"""A guest that QEMU has paused, because the node's disk is full, is noticed, and its job ends."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from condor_kvm_stage import installed
from e2e.domain import scene
from e2e.gahp import disturbances
from e2e.gahp import worker as gahp
from testnode import jobs, pool, site
from testnode.node import Node
from testnode.recipe import Release

pytestmark = [pytest.mark.guest, pytest.mark.full]

PAUSED = "the guest is paused by an I/O error"
FILL = f"{scene.EXECUTE}/filled"


@pytest.fixture(scope="module", params=[Release.TESTING, pytest.param(Release.TRIXIE, marks=pytest.mark.full)])
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    with gahp.node(request.param, disturbances.SETTINGS) as worker:
        disturbances.prepare(worker)
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
    node.wait_until(lambda: PAUSED in gahp.filter_log(node), "the administrator is told", 30)
    node.wait_until(lambda: not gahp.runs(node, job), "the guest is ended", 60)
    node.run(["rm", FILL])
    ad = gahp.end(node, job, "ends")
    assert ad["ExitCode"] == 74
    assert PAUSED in ad["ChirpGuestProblem"]


def test_policy_can_put_it_on_hold_and_it_runs_again_when_released(node: Node) -> None:
    with site.policy(node, '[guest]\nfull_disk = "hold"\n'):
        job = job_that_fills_the_disk(node, "held")
        ad = pool.wait_for_hold(node, job, 150)
        node.run(["rm", FILL])
    assert PAUSED in ad["HoldReason"]
    assert (ad["HoldReasonCode"], ad["HoldReasonSubCode"]) == (gahp.STARTD_HELD_JOB, installed.HOLD_SUBCODE)
    assert PAUSED in node.run(["cat", f"{scene.HOME}/held/job.log"]).stdout
    gahp.wait_for_quiet(node)
    assert gahp.has_vm(node) == {True}
    node.run(["condor_release", str(job)])
    assert gahp.end(node, job, "held")["ExitCode"] == 0


def test_disk_that_is_full_when_the_guest_starts_ends_the_job_likewise(node: Node) -> None:
    with disturbances.between(node, f"dd if=/dev/zero of={FILL} bs=1M", f"rm {FILL}"):
        job = gahp.submit(node, "full-at-start", jobs.BASE)
        gahp.wait_for_guest(node, job)
        ad = gahp.end(node, job, "full-at-start", 150)
    assert (ad["ExitCode"], ad["NumJobStarts"]) == (74, 1)
    assert gahp.has_vm(node) == {True}


def test_policy_can_let_it_wait_for_space(node: Node) -> None:
    with site.policy(node, '[guest]\nfull_disk = "wait"\n'):
        job = job_that_fills_the_disk(node, "waits")
        time.sleep(60)  # twice as long as one that may not wait
        assert gahp.runs(node, job)
        node.run(["rm", FILL])
        node.run(["virsh", "resume", gahp.domain(job)])
        assert gahp.end(node, job, "waits")["ExitCode"] == 0
    assert pool.slot_ad(node)["HasVM"] is True
