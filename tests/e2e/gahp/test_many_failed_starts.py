"""Many causes of a failed start, each of one job: the job goes on hold with the reason, and costs the node nothing."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from condor_kvm_stage import installed
from e2e.gahp import disturbances, start_causes
from e2e.gahp import worker as gahp
from e2e.gahp.start_causes import OF_ONE_JOB
from testnode import jobs, pool
from testnode.node import Node
from testnode.recipe import Release
from testnode.run import TestNodeError

pytestmark = [pytest.mark.guest, pytest.mark.full]

_AT_ONCE = 8


@dataclass(frozen=True)
class Tried:
    """ads: of the jobs, by the causes' names."""

    node: Node
    ads: dict[str, pool.Ad]


@pytest.fixture(scope="module", params=[Release.TESTING, Release.TRIXIE])
def tried(request: pytest.FixtureRequest) -> Iterator[Tried]:
    with gahp.node(request.param, disturbances.SETTINGS) as worker:
        disturbances.prepare(worker)
        start_causes.put_images(worker)
        yield Tried(worker, _run(worker))


def _run(worker: Node) -> dict[str, pool.Ad]:
    """Run a job for each cause, some at once, until all are on hold."""
    clusters: dict[str, int] = {}

    def begun() -> list[int]:
        return [cluster for cluster in clusters.values() if pool.job_ad(worker, cluster)["JobStatus"] != pool.HELD]

    for cause, (script, _) in OF_ONE_JOB.items():
        name = re.sub("[^a-z0-9]+", "-", cause.lower())
        base = f"/srv/images/{name}.qcow2"
        worker.run(["cp", gahp.LONG, base])
        disturbances.put_script(worker, f"between-{name}.qcow2", script)
        worker.wait_until(lambda: len(begun()) < _AT_ONCE, "a job is on hold", 400)
        clusters[cause] = gahp.submit(worker, name, base)
    with contextlib.suppress(TestNodeError):  # the tests say of each that is not
        worker.wait_until(lambda: not begun(), "all jobs are on hold", 400)
    return {cause: pool.job_ad(worker, cluster) for cause, cluster in clusters.items()}


@pytest.mark.parametrize("cause", OF_ONE_JOB)
def test_job_goes_on_hold_with_the_reason(tried: Tried, cause: str) -> None:
    ad = tried.ads[cause]
    assert re.search(f"the virtual machine has not started: .*{OF_ONE_JOB[cause][1]}", ad.get("HoldReason", ""))
    assert (ad["HoldReasonCode"], ad["HoldReasonSubCode"]) == (gahp.STARTD_HELD_JOB, installed.HOLD_SUBCODE)
    assert ad["NumJobStarts"] == 1


def test_node_keeps_vm_universe_all_the_time(tried: Tried) -> None:
    assert gahp.has_vm(tried.node) == {True}
    log = (tried.node.root / "var/log/condor/StartLog").read_text(encoding="utf-8")
    assert 'OfflineUniverses = {"VM"' not in log


def test_ordinary_job_runs_next(tried: Tried) -> None:
    job = gahp.submit(tried.node, "ordinary", jobs.BASE)
    assert gahp.end(tried.node, job, "ordinary")["ExitCode"] == 0
