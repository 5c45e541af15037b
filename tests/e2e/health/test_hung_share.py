"""A share that hangs is noticed, and costs the node one process at most, which is gone with the share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.gahp import worker as gahp
from e2e.health import worker as health
from e2e.health.test_faults import check
from testnode import pool, site
from testnode.node import Node

pytestmark = [pytest.mark.guest, pytest.mark.full]

SERVED = "/srv/served"
DEEP = f"{site.HANGING}/images"  # to look for it takes for ever, and cannot be killed
POLICY = health.POLICY.replace(health.SHARE, SERVED)


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with health.node(health.POLICY) as worker:
        yield worker


def test_share_that_hangs_keeps_vm_jobs_out_until_it_answers(node: Node) -> None:
    with health.served(node, "/srv/images", SERVED), site.policy(node, POLICY):
        health.wait_for(node, "")
        check(node, "share", health.hung(node))
        node.wait_until(lambda: not health.probes(node), "no process is left", 30)


def test_share_that_hangs_for_ever_has_one_process_at_most(node: Node) -> None:
    image = '"/srv/images", '
    with site.hanging_share(node):
        node.run("systemctl kill --signal=CONT hanging-share")  # it reads requests, and never answers some
        with site.policy(node, health.POLICY.replace(image, f'{image}"{DEEP}", ')):
            health.wait_for(node, "share")
            seen = set()
            for _ in range(5):
                node.run(f"systemctl start {health.UNIT}", timeout=60)
                seen.update(health.probes(node))
            assert len(seen) == 1, "it is not looked at again"
            (pid,) = seen
            assert node.run(["ps", "-o", "stat=", pid]).stdout.startswith("D"), "it cannot be killed"
            assert "condor-kvm-stage-health" in node.run(f"cat /proc/{pid}/cgroup").stdout, "not HTCondor's"
            assert pool.slot_ad(node)["State"] == "Unclaimed"
    node.wait_until(lambda: not health.probes(node), "no process is left", 30)
    health.wait_for(node, "")
    job = gahp.submit(node, "after")
    gahp.wait_for_guest(node, job)
    gahp.remove(node, job)
