"""A guest that resets over and over, or has nothing to boot from, is noticed, and the policy puts its job on hold."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.domain import scene
from e2e.gahp import worker as gahp
from testnode import guest, pool, site
from testnode.node import Node
from testnode.recipe import Release

pytestmark = [pytest.mark.guest, pytest.mark.full]

RESETS, EMPTY = "/srv/images/resets.qcow2", "/srv/images/empty.qcow2"
REASON = "the guest has reset 4 times within 90 s: its disk has no boot loader, or its kernel crashes at once"
WATCH = "virsh --quiet --connect qemu:///system event"


@pytest.fixture(scope="module", params=[Release.TESTING, Release.TRIXIE])
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    with gahp.node(request.param) as worker:
        guest.write_base(worker.root / RESETS.lstrip("/"), "qcow2", guest.SOURCE.with_name("resets.asm"))
        with tempfile.NamedTemporaryFile("w", suffix=".asm") as source:
            source.write("times 512 db 0\n")
            source.flush()
            guest.write_base(worker.root / EMPTY.lstrip("/"), "qcow2", Path(source.name))
        yield worker


@pytest.mark.parametrize("image", [RESETS, EMPTY])
def test_job_goes_on_hold_with_the_reason_within_a_minute(node: Node, image: str) -> None:
    job = gahp.submit(node, Path(image).stem, image)
    gahp.wait_for_guest(node, job)
    began = time.monotonic()
    ad = pool.wait_for_hold(node, job, 120)
    taken = time.monotonic() - began
    assert REASON in ad["HoldReason"]
    assert REASON in node.run(["cat", f"{scene.HOME}/{Path(image).stem}/job.log"]).stdout
    assert taken < 75, "four attempts to boot, and the half minute in which the starter does not listen"
    node.run(["condor_rm", str(job)])
    gahp.wait_for_quiet(node)
    assert not gahp.pids(node, WATCH)
    assert gahp.has_vm(node) == {True}


def test_policy_can_leave_it_alone(node: Node) -> None:
    with site.policy(node, '[guest]\nreset_loop = "wait"\n'):
        job = gahp.submit(node, "left-alone", RESETS)
        node.wait_until(lambda: REASON in gahp.filter_log(node), "the administrator is told", 90)
        gahp.wait_for_ready(node, job)
        time.sleep(15)
        assert pool.job_ad(node, job)["JobStatus"] == pool.RUNNING
        gahp.remove(node, job)
    gahp.wait_for_quiet(node)
    assert not gahp.pids(node, WATCH)


def test_ordinary_guest_is_watched_as_long_as_it_runs(node: Node) -> None:
    job = gahp.submit(node, "ordinary", gahp.MINUTE)
    gahp.wait_for_ready(node, job)
    assert len(gahp.pids(node, WATCH)) == 1
    assert gahp.end(node, job, "ordinary")["ExitCode"] == 0
    gahp.wait_for_quiet(node)
    assert not gahp.pids(node, WATCH)
