"""Many VM jobs, as many at once as the node has slots: each one completes, and nothing of them is left behind.

Some, because each takes more than a minute; VM_JOBS=200 in the environment makes it 200 (`make endurance`). With
VM_AT_ONCE=4 only so many run at a time, one after the other in each slot.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from e2e.conftest import TIMEOUT
from testnode import jobs, node, pool, recipe, stages
from testnode.node import Node
from testnode.recipe import Release
from testnode.run import progress

JOBS = int(os.environ.get("VM_JOBS", "20"))
_CPUS = 16  # of the node
AT_ONCE = int(os.environ.get("VM_AT_ONCE", _CPUS))
_LONGEST = 240 + JOBS * max(15, 90 // AT_ONCE)  # seconds for all of them
pytestmark = [pytest.mark.guest, pytest.mark.full, pytest.mark.timeout(TIMEOUT + _LONGEST)]

# By shell commands that print a line for each
LEFT = {
    "processes": "ps -eo args= | grep -E '[c]ondor_(starter|shadow|vm-gahp)|[q]emu-system|/usr/[^ ]*[k]vm-stage'",
    "files in EXECUTE": "ls -A /var/lib/condor/execute",
    "mounts": "cut -d ' ' -f 2 /proc/mounts",
    "domains": "virsh list --all --name | grep .",
    "libvirt's directories": "ls -d /var/lib/libvirt/qemu/*/* /run/libvirt/qemu/*",
    "control groups": "find /sys/fs/cgroup -name '*alice*'",
    "temporary files": "ls -A /tmp /var/tmp",
}


@dataclass(frozen=True)
class Ended:
    """The node after the jobs. left: lines of LEFT before, and after. at_once: the most jobs that ran together."""

    node: Node
    events: str
    left: tuple[dict[str, list[str]], dict[str, list[str]]]
    at_once: int


def left(worker: Node) -> dict[str, list[str]]:
    return {
        what: sorted(worker.run(["sh", "-c", f"{command} || :"]).stdout.splitlines()) for what, command in LEFT.items()
    }


@pytest.fixture(scope="module", params=[Release.TESTING, Release.TRIXIE], ids=["HTCondor-25", "HTCondor-23"])
def ended(request: pytest.FixtureRequest) -> Iterator[Ended]:
    with node.running(request.param) as worker:
        stages.install(stages.make_bare(worker))
        stages.wait_for_vm_universe(worker, True)
        # what libvirt makes once and for all
        _run(worker, 1)
        before = left(worker)
        began = time.monotonic()
        events, at_once = _run(worker, JOBS)
        progress(f"{JOBS} jobs in {time.monotonic() - began:.0f} s, {at_once} at once")
        yield Ended(worker, events, (before, left(worker)), at_once)


def _run(worker: Node, number: int) -> tuple[str, int]:
    """Run so many jobs. Returns their event log, and how many ran at once; waits until they are gone completely."""
    name = f"many-{number}"
    more = f"vm_no_output_vm = True\nrequest_disk = 16M\nrequest_cpus = {_CPUS // AT_ONCE}\nlog = {name}.log"
    more = f"{more}\nqueue {number}"
    cluster = pool.submit(worker, f"{name}.sub", jobs.VM_JOB.replace("log = vm-job.log\nqueue", more))
    at_once = 0

    def all_have_ended() -> bool:
        nonlocal at_once
        ads = json.loads(worker.run(["condor_q", "-json", "-attributes", "JobStatus", str(cluster)]).stdout or "[]")
        at_once = max(at_once, sum(ad["JobStatus"] == pool.RUNNING for ad in ads))
        return not ads

    worker.wait_until(all_have_ended, f"{number} jobs have ended", _LONGEST)
    worker.wait_until(lambda: left(worker)["files in EXECUTE"] == [], "their directories are gone", 90)
    worker.wait_until(lambda: left(worker)["processes"] == [], "their processes are gone", 90)
    log = worker.root / "home" / recipe.USER / f"{name}.log"
    return log.read_text(encoding="utf-8"), at_once


def test_each_job_has_run_once_and_succeeded(ended: Ended) -> None:
    assert len(re.findall("^001 ", ended.events, re.MULTILINE)) == JOBS
    assert ended.events.count("Normal termination (return value 0)") == JOBS


def test_as_many_ran_at_once_as_there_are_slots(ended: Ended) -> None:
    assert ended.at_once == min(JOBS, AT_ONCE)


@pytest.mark.parametrize("what", LEFT)
def test_nothing_is_left(ended: Ended, what: str) -> None:
    before, after = ended.left
    assert after[what] == before[what]


def test_libvirt_keeps_a_log_of_each_guest_and_nothing_else(ended: Ended) -> None:
    logs = ended.node.run("ls /var/log/libvirt/qemu").stdout.split()
    assert len(logs) == JOBS + 1
    assert all(re.fullmatch(rf"{recipe.USER}_{recipe.HOSTNAME}_\d+\.\d+\.log", name) for name in logs)


def test_node_offers_vm_universe_as_before(ended: Ended) -> None:
    assert pool.slot_ad(ended.node)["HasVM"] is True
    log = (ended.node.root / "var/log/condor/StartLog").read_text(encoding="utf-8")
    assert 'OfflineUniverses = {"VM"' not in log
