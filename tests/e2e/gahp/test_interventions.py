"""What HTCondor, its users and accidents do to a VM job works through the filter as it does without."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.gahp import worker as gahp
from e2e.gahp.worker import LIBVIRT, MINUTE
from testnode import jobs, pool
from testnode.node import Node
from testnode.recipe import Release

pytestmark = [
    pytest.mark.guest,
    pytest.mark.full,
]  # twenty minutes; `make e2e` has test_ends.py and test_failed_starts.py

SUSPENDED = 7
FILTER, VM_GAHP = "condor-kvm-stage-gahp -f", "^/usr/sbin/condor_vm-gahp"


@pytest.fixture(scope="module", params=[Release.TESTING, pytest.param(Release.TRIXIE, marks=pytest.mark.full)])
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    with gahp.node(request.param) as worker:
        yield worker


@pytest.fixture(autouse=True)
def _node_is_as_before(node: Node) -> Iterator[None]:
    yield
    node.run("condor_rm -all", check=False)
    gahp.wait_for_quiet(node, 120)
    assert gahp.has_vm(node) == {True}
    assert not node.run("virsh list --all --name").stdout.split()


def kill(node: Node, pattern: str) -> None:
    """Kill the processes of the one job that there is."""
    node.run(["pkill", "--signal", "KILL", "--full", pattern])


@pytest.mark.parametrize("when", ["at once", "guest runs", "started"])
def test_removed_job_takes_its_guest_with_it(node: Node, when: str) -> None:
    job = gahp.submit(node, f"rm-{when.replace(' ', '-')}")
    if when == "at once":
        gahp.wait_for_status(node, job, pool.RUNNING)
    elif when == "guest runs":
        gahp.wait_for_guest(node, job)
    else:
        gahp.wait_for_ready(node, job)
    node.run(["condor_rm", str(job)])
    node.wait_until(lambda: not pool.job_ad(node, job), "the job has left the queue", 120)
    node.wait_until(lambda: not gahp.runs(node, job), "the guest is gone", 60)


def test_held_job_runs_again_when_it_is_released(node: Node) -> None:
    job = gahp.submit(node, "hold")
    gahp.wait_for_ready(node, job)
    node.run(["condor_hold", str(job)])
    gahp.wait_for_status(node, job, pool.HELD)
    node.wait_until(lambda: not gahp.runs(node, job), "the guest is gone", 60)
    gahp.wait_for_quiet(node)
    node.run(["condor_release", str(job)])
    gahp.wait_for_guest(node, job, 90)


def test_vacated_job_runs_again(node: Node) -> None:
    job = gahp.submit(node, "vacate")
    gahp.wait_for_ready(node, job)
    node.run(["condor_vacate_job", str(job)])
    node.wait_until(lambda: not gahp.runs(node, job), "the guest is gone", 120)
    gahp.wait_for_guest(node, job, 120)
    assert pool.job_ad(node, job)["NumShadowStarts"] == 2


def test_suspended_guest_is_paused_and_continues(node: Node) -> None:
    job = gahp.submit(node, "suspend", MINUTE)
    gahp.wait_for_ready(node, job)
    node.run(["condor_suspend", str(job)])
    state = ["virsh", "domstate", gahp.domain(job)]
    node.wait_until(lambda: "paused" in node.run(state).stdout, "the guest is paused", 60)
    assert gahp.wait_for_status(node, job, SUSPENDED)
    node.run(["condor_continue", str(job)])
    node.wait_until(lambda: "running" in node.run(state).stdout, "the guest runs", 60)
    assert gahp.end(node, job, "suspend", 180)["ExitCode"] == 0


@pytest.mark.parametrize(
    ("what", "when"), [("starter", "guest runs"), ("starter", "started"), ("filter", "started"), ("vm-gahp", "started")]
)
def test_guest_ends_and_job_runs_again_if_a_process_is_killed(node: Node, what: str, when: str) -> None:
    job = gahp.submit(node, f"{what}-{when.replace(' ', '-')}")
    if when == "guest runs":
        gahp.wait_for_guest(node, job)
    else:
        gahp.wait_for_ready(node, job)
    kill(node, {"starter": "^condor_starter", "filter": FILTER, "vm-gahp": VM_GAHP}[what])
    node.wait_until(lambda: not gahp.runs(node, job), "the guest is gone", 60)
    if what == "filter":  # HTCondor may take its end for that of the job, as it does with a killed vm-gahp of its own
        return
    node.wait_until(lambda: pool.job_ad(node, job).get("NumShadowStarts") == 2, "it runs again", 120)
    gahp.wait_for_guest(node, job, 90)


def test_guest_outlives_a_restart_of_libvirt_and_the_job_ends_with_it(node: Node) -> None:
    job = gahp.submit(node, "libvirt", MINUTE)
    gahp.wait_for_ready(node, job)
    node.run(f"systemctl restart {LIBVIRT.split()[0]}")
    assert gahp.end(node, job, "libvirt")["ExitCode"] == 0


def test_job_outlives_a_peaceful_restart_of_the_startd_and_ends_with_its_guest(node: Node) -> None:
    job = gahp.submit(node, "restart", MINUTE)
    gahp.wait_for_ready(node, job)
    node.run(["condor_restart", "-startd", "-peaceful"])
    ad = gahp.end(node, job, "restart")
    assert (ad["ExitCode"], ad["NumJobStarts"]) == (0, 1)
    node.wait_until(lambda: gahp.has_vm(node) == {True}, "the startd is back", 120)


@pytest.mark.parametrize("what", ["rm", "hold", "vacate_job"])
def test_job_whose_guest_has_just_ended_leaves_nothing(node: Node, what: str) -> None:
    """Which of the two comes first is open: the job has ended, or it is removed, on hold, or runs again."""
    job = gahp.submit(node, f"end-{what}", MINUTE)
    gahp.wait_for_ready(node, job)
    node.run(["virsh", "destroy", gahp.domain(job)])
    node.run([f"condor_{what}", str(job)], check=False)
    node.wait_until(lambda: pool.job_ad(node, job).get("JobStatus") in (None, pool.HELD, pool.IDLE), "it settles", 150)


def test_many_at_once_all_end_and_none_runs_twice(node: Node) -> None:
    names = [f"many-{number}" for number in range(16)]
    clusters = [gahp.submit(node, name, jobs.BASE) for name in names]
    ads = [gahp.end(node, cluster, name, 240) for cluster, name in zip(clusters, names)]
    assert {(ad["ExitCode"], ad["NumJobStarts"]) for ad in ads} == {(0, 1)}
