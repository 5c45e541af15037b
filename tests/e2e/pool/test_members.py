"""The pool itself: who belongs to it, a VM job on each of its workers, two access points whose jobs have one number."""

from __future__ import annotations

import pytest

from condor_kvm_stage.failures import ContactError
from e2e.gahp import worker as gahp
from e2e.health import worker as health
from e2e.pool import runs, site, troubles
from e2e.pool.site import Site
from testnode import jobs, member, recipe
from testnode import pool as condor
from testnode.node import Node

pytestmark = [pytest.mark.guest, pytest.mark.full]

ONE, OTHER = site.ACCESS
WORKER = site.WORKERS[0]


def test_worker_without_a_token_of_the_central_manager_is_refused_and_with_one_it_is_let_in(strangers: Site) -> None:
    trusted, stranger = site.WORKERS[:2], site.WORKERS[2]
    for name in (*site.ACCESS, *trusted):
        strangers.admit(name)
    strangers.wait_for(trusted, "true")
    log = strangers.manager.root / "var/log/condor/CollectorLog"
    address = strangers.address(stranger)
    strangers.manager.wait_until(
        lambda: f"required authentication of {address} failed" in log.read_text(encoding="utf-8"), "it is refused", 60
    )
    strangers.wait_for(trusted, "true")
    strangers.admit(stranger)
    strangers.wait_for(site.WORKERS, "true")


def test_job_runs_on_each_worker_through_the_central_manager(pool: Site) -> None:
    clusters = {name: pool.submit_to(name, f"on-{name}", site.SHORT) for name in site.WORKERS}
    for name, cluster in clusters.items():
        ad = gahp.end(pool.access, cluster, f"on-{name}", 180)
        assert ad["ExitCode"] == 0
        assert f"@{name}." in ad["LastRemoteHost"]


def test_job_on_a_worker_whose_share_has_just_gone_is_told_so_and_runs_when_it_is_released(pool: Site) -> None:
    name = site.WORKERS[1]
    worker = pool.nodes[name]
    health.every(worker, "1d")  # it does not notice
    try:
        with troubles.share_lost(worker):
            job = pool.submit_to(name, "early", site.SHORT)
            held = condor.wait_for_hold(pool.access, job, 120)
    finally:
        health.every(worker, f"{health.PERIOD}s")
    assert held["HoldReasonSubCode"] == ContactError.status * 256
    assert f"{site.SHARE} is not mounted on {worker.name}, as /etc/fstab says" in held["HoldReason"]
    pool.access.run(["condor_release", str(job)])
    assert gahp.end(pool.access, job, "early", 180)["ExitCode"] == 0


def next_cluster(access: Node) -> int:
    """Use up a number of an access point's, and return the one after it."""
    cluster = condor.submit(access, "number.sub", jobs.staging_job("", "number", more="hold = True"))
    access.run(["condor_rm", str(cluster)])
    return cluster + 1


def test_guest_of_the_first_survives_and_the_second_waits_until_its_user_releases_it(pool: Site) -> None:
    one, other = pool.nodes[ONE], pool.nodes[OTHER]
    numbers = {ONE: next_cluster(one), OTHER: next_cluster(other)}
    while numbers[ONE] != numbers[OTHER]:
        behind = min(numbers, key=lambda name: numbers[name])
        numbers[behind] = next_cluster(pool.nodes[behind])
    cluster = pool.submit_to(WORKER, "first", site.WRITES, ONE)
    worker = pool.nodes[WORKER]
    name = f"{recipe.USER}_{member.DOMAIN}_{cluster}.0"
    worker.wait_until(lambda: name in worker.run("virsh list --name").stdout.split(), "the first guest runs", 90)
    assert pool.submit_to(WORKER, "second", site.WRITES, OTHER) == cluster
    held = condor.wait_for_hold(other, cluster, 150)
    assert f"a virtual machine {name} already runs on this node" in held["HoldReason"]
    assert "another access point has a job with the same number; release this one" in held["HoldReason"]
    assert gahp.end(one, cluster, "first", 180)["ExitCode"] == 0
    assert len(runs.of_guests(worker, cluster)) == 1, "the first guest has run on, the second never began"
    other.run(["condor_release", str(cluster)])
    assert gahp.end(other, cluster, "second", 180)["ExitCode"] == 0
    assert {"console.log", "disk.qcow2"} == gahp.returned(one, "first") == gahp.returned(other, "second")
    assert condor.slot_ad(worker)["HasVM"] is True
