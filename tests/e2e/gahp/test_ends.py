"""A job ends with its guest, at once, and its exit status says how the guest has ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from e2e.gahp import worker as gahp
from e2e.gahp.worker import LONG, MINUTE
from testnode import jobs, pool
from testnode.node import Node
from testnode.recipe import Release

pytestmark = pytest.mark.guest

# HTCondor asks whether a guest still runs an hour after its start: a job that ends before ends with its guest
NO_POLLS = "VM_STATUS_INTERVAL = 3600\n"


@dataclass(frozen=True)
class Ended:
    """A node on which all jobs have ended, and the ads that they had at last, by name."""

    node: Node
    clusters: dict[str, int]
    ads: dict[str, pool.Ad]


@pytest.fixture(scope="module", params=[Release.TESTING, pytest.param(Release.TRIXIE, marks=pytest.mark.full)])
def ended(request: pytest.FixtureRequest) -> Iterator[Ended]:
    with gahp.node(request.param, NO_POLLS) as node:
        clusters = {
            "minute": gahp.submit(node, "minute", MINUTE),
            "short": gahp.submit(node, "short", jobs.BASE),
            "no-output": gahp.submit(node, "no-output", jobs.BASE, "vm_no_output_vm = True"),
            "crashed": gahp.submit(node, "crashed", LONG),
            "destroyed": gahp.submit(node, "destroyed", LONG),
            # as DAGMan retries a node
            "retried": gahp.submit(node, "retried", LONG, "max_retries = 1", "requirements = NumJobStarts < 2"),
        }
        for name in ("crashed", "destroyed", "retried"):
            gahp.wait_for_ready(node, clusters[name])
        node.run(["pkill", "--signal", "KILL", "--full", f"guest={gahp.domain(clusters['crashed'])}"])
        for name in ("destroyed", "retried"):
            node.run(["virsh", "destroy", gahp.domain(clusters[name])])
        ads = {name: gahp.end(node, cluster, name) for name, cluster in clusters.items() if name != "retried"}
        node.wait_until(
            lambda: pool.job_ad(node, clusters["retried"]).get("NumJobCompletions") == 1, "the job is retried", 120
        )
        ads["retried"] = pool.job_ad(node, clusters["retried"])
        remove(node, clusters["retried"])
        yield Ended(node, clusters, ads)


def remove(node: Node, cluster: int) -> None:
    """Remove a job. HTCondor presses its guest's power button, and only at the next poll ends one that ignores it."""
    node.run(["condor_rm", str(cluster)])

    def is_gone() -> bool:
        node.run(["virsh", "destroy", gahp.domain(cluster)], check=False)
        return not pool.job_ad(node, cluster)

    node.wait_until(is_gone, "the job is gone", 120)


@pytest.mark.parametrize(
    ("name", "status"), [("minute", 0), ("short", 0), ("no-output", 0), ("crashed", 70), ("destroyed", 75)]
)
def test_exit_status_says_how_the_guest_ended(ended: Ended, name: str, status: int) -> None:
    assert ended.ads[name]["ExitCode"] == status
    assert ended.ads[name]["ExitBySignal"] is False


@pytest.mark.parametrize(
    ("name", "problem"),
    [("crashed", "QEMU ended unexpectedly"), ("destroyed", "destroyed on the node"), ("minute", None)],
)
def test_user_is_told_what_went_wrong(ended: Ended, name: str, problem: str | None) -> None:
    said = ended.ads[name].get("ChirpGuestProblem", "")
    assert problem in said if problem else not said


def test_job_that_wants_no_output_gets_none(ended: Ended) -> None:
    assert gahp.returned(ended.node, "no-output") == set()
    assert gahp.returned(ended.node, "short") == {"disk.qcow2", "console.log"}


def test_failure_can_be_retried(ended: Ended) -> None:
    assert ended.ads["retried"]["NumJobCompletions"] == 1


def test_node_keeps_vm_universe_and_nothing_is_left(ended: Ended) -> None:
    assert gahp.has_vm(ended.node) == {True}
    gahp.wait_for_quiet(ended.node)
