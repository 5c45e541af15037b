"""The pool itself: who belongs to it has a token of the central manager's, and a VM job runs on each of its workers."""

from __future__ import annotations

import pytest

from e2e.gahp import worker as gahp
from e2e.pool import site
from e2e.pool.site import Site

pytestmark = [pytest.mark.guest, pytest.mark.full]


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
