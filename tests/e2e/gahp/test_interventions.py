"""What HTCondor, its users and accidents do to a VM job works through the filter as it does without, in each phase."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.domain.scene import EXECUTE
from e2e.gahp import phases
from e2e.gahp import worker as gahp
from e2e.gahp.phases import END, RUN, STAGING, START
from e2e.gahp.worker import LIBVIRT
from testnode import jobs, pool
from testnode.node import Node
from testnode.recipe import Release

pytestmark = [
    pytest.mark.guest,
    pytest.mark.full,
]  # twenty minutes; `make e2e` has test_ends.py and test_failed_starts.py

SUSPENDED = 7
FILTER, VM_GAHP = "condor-kvm-stage-gahp -f", "^/usr/sbin/condor_vm-gahp"
COMPLETED, DESTROYED = (0, 1), (75, 1)  # exit status, and how often the job has started


@pytest.fixture(scope="module", params=[Release.TESTING, Release.TRIXIE])
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    with gahp.node(request.param) as worker, phases.share(worker):
        yield worker


@pytest.fixture(autouse=True)
def _node_is_as_before(node: Node) -> Iterator[None]:
    yield
    node.run("condor_rm -all", check=False)
    gahp.wait_for_quiet(node, 120)
    node.wait_until(lambda: gahp.has_vm(node) == {True}, "all slots have VM universe", 60)
    assert not node.run("virsh list --all --name").stdout.split()
    # Scratch directories, those of disks, overlays, FIFOs; but HTCondor 23 itself leaves a file for each killed starter
    left = ["find", EXECUTE, "-mindepth", "1", "-not", "-name", "dir_*.recover"]
    node.wait_until(lambda: not node.run(left, check=False).stdout, f"nothing is left in {EXECUTE}", 60)
    assert not gahp.pids(node, phases.PLUGIN)


def has_left(node: Node, cluster: int) -> bool:
    """Whether a job is in the queue no more, and its guest is gone."""
    return not pool.job_ad(node, cluster) and not gahp.runs(node, cluster)


def outcome(node: Node, name: str, cluster: int) -> tuple[int, int]:
    """Wait for a job's end. Returns its exit status, and how often it has started."""
    ad = gahp.end(node, cluster, name, 240)
    return ad["ExitCode"], ad["NumJobStarts"]


def test_removed_job_takes_its_guest_with_it(node: Node) -> None:
    with phases.jobs(node, "rm") as found:
        for cluster in found.values():
            node.run(["condor_rm", str(cluster)], check=False)
        for phase, cluster in found.items():
            node.wait_until(lambda cluster=cluster: has_left(node, cluster), f"{phase}: it is removed", 120)  # type: ignore[misc]


def test_held_job_runs_again_when_it_is_released(node: Node) -> None:
    with phases.jobs(node, "hold") as found:
        for cluster in found.values():
            node.run(["condor_hold", str(cluster)], check=False)
        ended = found.pop(END)
        for cluster in found.values():
            gahp.wait_for_status(node, cluster, pool.HELD)
        # Which of the two comes first is open
        node.wait_until(
            lambda: pool.job_ad(node, ended).get("JobStatus") in (None, pool.HELD), "the ended one settles", 60
        )
        gahp.wait_for_quiet(node, 120)  # for 30 s the starter of the one that starts does not listen
    for cluster in found.values():
        node.run(["condor_release", str(cluster)])
    for cluster in found.values():
        gahp.wait_for_guest(node, cluster, 90)


def test_vacated_job_runs_again(node: Node) -> None:
    with phases.jobs(node, "vacate") as found:
        guests = {cluster: phases.guest(node, cluster) for cluster in found.values()}
        for cluster in found.values():
            node.run(["condor_vacate_job", str(cluster)], check=False)
    ended = found.pop(END)
    for cluster in found.values():
        phases.wait_for_another_guest(node, cluster, guests[cluster])
        assert pool.job_ad(node, cluster)["NumShadowStarts"] == 2
    assert has_left(node, ended) or pool.job_ad(node, ended)["NumShadowStarts"] == 2


def test_suspended_guest_is_paused_and_continues(node: Node) -> None:
    with phases.jobs(node, "suspend", phases.LASTS) as found:
        for cluster in found.values():
            node.run(["condor_suspend", str(cluster)], check=False)
        for phase in (START, RUN):
            state = ["virsh", "domstate", gahp.domain(found[phase])]
            node.wait_until(
                lambda state=state: "paused" in node.run(state, check=False).stdout,  # type: ignore[misc]
                f"{phase}: the guest is paused",
                90,
            )
            gahp.wait_for_status(node, found[phase], SUSPENDED)
        for cluster in found.values():
            node.run(["condor_continue", str(cluster)], check=False)
        # HTCondor stops a transfer, but does not take the job for suspended, so there is nothing to continue: neither
        # that of the input, nor that of the output, if it has begun
        node.run("pkill --signal CONT --full '^condor_starter '", check=False)
        staging = found.pop(STAGING)
        node.run(["condor_rm", str(staging)])
        node.wait_until(lambda: has_left(node, staging), "it is removed", 120)
    ends = {phase: outcome(node, f"suspend-{phase}", cluster) for phase, cluster in found.items()}
    assert ends == {START: COMPLETED, RUN: COMPLETED, END: DESTROYED}


def is_held_or_runs_again(node: Node, cluster: int, before: str) -> bool:
    """Return whether a job goes on hold because its vm-gahp has ended before it said that the guest has started."""

    def is_held() -> bool:
        return pool.job_ad(node, cluster).get("JobStatus") == pool.HELD

    node.wait_until(lambda: is_held() or phases.guest(node, cluster) not in ("", before), "it goes on", 150)
    return is_held() and "vm-gahp has ended by itself" in pool.job_ad(node, cluster)["HoldReason"]


@pytest.mark.parametrize("what", ["starter", "filter", "vm-gahp"])
def test_guest_ends_and_job_runs_again_if_a_process_is_killed(node: Node, what: str) -> None:
    with phases.jobs(node, what) as found:
        guests = {cluster: phases.guest(node, cluster) for cluster in found.values()}
        for phase, cluster in found.items():
            victim = starter = phases.starter(node, cluster)
            if what != "starter":
                victim = phases.child(node, starter, FILTER)
            if what == "vm-gahp":
                victim = phases.child(node, victim, VM_GAHP)
            assert victim or phase in (STAGING, END), "it runs"
            if victim:
                node.run(["kill", "-KILL", victim], check=False)
    ended = found.pop(END)
    node.wait_until(lambda: not phases.guest(node, ended) or what == "starter", "the guest has ended", 60)
    for phase, cluster in found.items():
        if what == "filter" and phase != STAGING:
            # HTCondor may take its end for that of the job, as it does with a killed vm-gahp of its own
            node.wait_until(
                lambda cluster=cluster: phases.guest(node, cluster) != guests[cluster],  # type: ignore[misc]
                f"{phase}: the guest is gone",
                60,
            )
            continue
        if what == "vm-gahp" and phase == START and is_held_or_runs_again(node, cluster, guests[cluster]):
            continue
        phases.wait_for_another_guest(node, cluster, guests[cluster])
        assert pool.job_ad(node, cluster)["NumShadowStarts"] == (1 if what != "starter" and phase == STAGING else 2)


def test_guest_outlives_a_restart_of_libvirt_and_the_job_ends_with_it(node: Node) -> None:
    with phases.jobs(node, "libvirt", phases.LASTS) as found:
        node.run(f"systemctl restart {LIBVIRT.split()[0]}")
    ends = {phase: outcome(node, f"libvirt-{phase}", cluster) for phase, cluster in found.items()}
    # libvirt may not have said yet that the guest has started: then this is the node's fault, and the job runs again
    assert ends.pop(START) in (COMPLETED, (0, 2))
    assert ends == {STAGING: COMPLETED, RUN: COMPLETED, END: DESTROYED}


def test_job_outlives_a_peaceful_restart_of_the_startd_and_ends_with_its_guest(node: Node) -> None:
    with phases.jobs(node, "restart", phases.LASTS) as found:
        node.run(["condor_restart", "-startd", "-peaceful"])
    ends = {phase: outcome(node, f"restart-{phase}", cluster) for phase, cluster in found.items()}
    assert ends == {STAGING: COMPLETED, START: COMPLETED, RUN: COMPLETED, END: DESTROYED}
    node.wait_until(lambda: gahp.has_vm(node) == {True}, "the startd is back", 120)


def test_many_at_once_all_end_and_none_runs_twice(node: Node) -> None:
    names = [f"many-{number}" for number in range(16)]
    clusters = [gahp.submit(node, name, jobs.BASE) for name in names]
    ads = [gahp.end(node, cluster, name, 240) for cluster, name in zip(clusters, names)]
    assert {(ad["ExitCode"], ad["NumJobStarts"]) for ad in ads} == {(0, 1)}
