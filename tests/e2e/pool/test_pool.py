"""Sixty VM jobs on three workers, to which things happen: each job ends well, and none runs twice at the same time."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace

import pytest

from e2e.domain import scene
from e2e.health import worker as health
from e2e.pool import runs, site, troubles
from e2e.pool.runs import Run
from e2e.pool.site import Site
from e2e.pool.troubles import Trouble
from testnode import builds, evidence, guest, jobs, recipe
from testnode import pool as condor
from testnode.run import progress

pytestmark = [pytest.mark.guest, pytest.mark.full, pytest.mark.timeout(2400)]

JOBS = 60
FIRST, SECOND, THIRD = site.WORKERS
# As vm-nfs-plugin(1) has it, with less patience
_RELEASE = """\
periodic_release = (HoldReasonCode == 13 || HoldReasonCode == 12) \\
    && member(HoldReasonSubCode, {68 * 256, 69 * 256, 78 * 256}) \\
    && NumHolds <= 5 && time() - EnteredCurrentStatus > 20
"""
_RECORD = builds.DIST / "pool.json"


@dataclass(frozen=True)
class Ended:
    """The pool after the jobs: their runs by the event log, and their guests' by libvirt; what happened meanwhile."""

    pool: Site
    events: str
    runs: list[Run]
    guests: list[Run]
    troubles: list[Trouble]


def submit(pool: Site) -> int:
    """Submit the jobs, each with a directory for what comes back. Returns their cluster."""
    for number in range(JOBS):
        pool.access.run(["mkdir", f"{scene.HOME}/many-{number}"], user=recipe.USER)
    lines = f"initialdir = {scene.HOME}/many-$(Process)\nlog = {scene.HOME}/many.log\nrequest_disk = 64M\n{_RELEASE}"
    description = jobs.VM_JOB.replace(jobs.BASE, site.WRITES).replace("log = vm-job.log\nqueue", f"{lines}queue {JOBS}")
    return condor.submit(pool.access, "many.sub", description)


@pytest.fixture(scope="module")
def ended(pool: Site) -> Ended:
    cluster = submit(pool)
    record = troubles.Record(pool)

    def in_queue(status: int | None = None) -> int:
        found = pool.access.run(["condor_q", "-json", "-attributes", "JobStatus", str(cluster)]).stdout or "[]"
        return sum(status in (None, ad["JobStatus"]) for ad in json.loads(found))

    pool.access.wait_until(lambda: in_queue(condor.RUNNING) >= 12, "the pool is at work", 180)
    with record.fault(FIRST, "share lost", "share", troubles.share_lost):
        stop = record.reboot(THIRD)
    with record.fault(SECOND, "KVM lost", "kvm", health.without_kvm):
        time.sleep(20)
    record.upgrade(SECOND)
    record.drain(FIRST)
    pool.access.wait_until(lambda: in_queue() == 0, "all jobs have ended", 900)
    events = (pool.access.root / f"{scene.HOME}/many.log".lstrip("/")).read_text(encoding="utf-8")
    stops = {THIRD: [stop]}
    guests = [run for name in site.WORKERS for run in runs.of_guests(pool.nodes[name], cluster, stops.get(name, ()))]
    found = runs.of_log(events)
    lists: dict[str, list[Run] | list[Trouble]] = {"runs": found, "troubles": record.troubles}
    text = json.dumps({name: [asdict(one) for one in some] for name, some in lists.items()}, indent=1)
    _RECORD.write_text(text, encoding="utf-8")
    progress(f"{len(found)} runs: {Counter(run.worker for run in found)}, {Counter(run.how for run in found)}")
    return Ended(pool, events, found, guests, record.troubles)


def test_each_job_has_ended_well_once(ended: Ended) -> None:
    assert Counter(run.job for run in ended.runs if run.how == "ended") == Counter(range(JOBS))
    assert "Job was aborted" not in ended.events


def test_no_job_has_gone_on_hold_but_by_the_share_that_was_not_mounted(ended: Ended) -> None:
    """As those do that come before the worker has noticed: test_members.py has one that is sure to."""
    reasons = re.findall(r"Job was held\.\n\t(.*)", ended.events)
    assert [reason for reason in reasons if f"{site.SHARE} is not mounted on {FIRST}" not in reason] == []


def test_disk_of_each_job_has_come_back_with_what_its_guest_wrote(ended: Ended) -> None:
    access, written = ended.pool.access, evidence.disk_content(ended.pool.nodes[FIRST], site.WRITES)[: guest.SECTOR]
    for number in range(JOBS):
        home = access.root / f"{scene.HOME}/many-{number}".lstrip("/")
        assert {path.name for path in home.iterdir()} == {"console.log", "disk.qcow2"}, number
        assert written in (home / "disk.qcow2").read_bytes(), number


def test_no_job_has_run_twice_at_the_same_time(ended: Ended) -> None:
    assert runs.overlaps(ended.runs) == []
    assert runs.overlaps(ended.guests) == []
    assert {run.job for run in ended.guests} == set(range(JOBS))


def test_second_guest_of_a_job_would_be_found(ended: Ended) -> None:
    first = ended.guests[0]
    again = replace(first, worker="another", begin=first.begin + 1)
    assert runs.overlaps([*ended.guests, again]) == [(first, again)]


def test_no_job_has_come_to_where_it_could_not_run(ended: Ended) -> None:
    """Of those whose guests have started: one that was there already may start its guest."""
    arrivals = [(run, runs.arrival(ended.events, run)) for run in ended.guests]
    assert [(run, one) for run, at in arrivals for one in ended.troubles if one.excludes(run.worker, at)] == []


def test_worker_works_again_after_what_has_happened_to_it(ended: Ended) -> None:
    for name in site.WORKERS:
        last = max(one.end for one in ended.troubles if one.worker == name)
        assert any(run.begin > last and run.how == "ended" for run in ended.runs if run.worker == name), name
