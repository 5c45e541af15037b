"""What a guest prints on its serial console: it comes back to the user, all of it, and never fills the node's disk."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from testnode import guest, jobs, pool, recipe, site
from testnode.node import Node

pytestmark = pytest.mark.guest

FLOOD = "/srv/images/flood.qcow2"
CAP = 64 << 10  # bytes
HOME = f"/home/{recipe.USER}"


@pytest.fixture(scope="module")
def capped(worker: Node) -> Iterator[Node]:
    """The node with a policy that keeps little of a console."""
    guest.write_base(worker.root / FLOOD.lstrip("/"), "qcow2", guest.FLOOD)
    with site.policy(worker, '[guest]\nconsole = "64K"\n'):
        yield worker


def test_console_comes_back_complete_and_belongs_to_the_submitter(worker: Node) -> None:
    worker.run(["mkdir", "console"], user=recipe.USER)
    more = "initialdir = console\njob_ad_information_attrs = ChirpConsole\nqueue"
    pool.submit(worker, "console.sub", jobs.VM_JOB.replace("queue", more))
    events = pool.wait_for_end(worker, f"console/{jobs.VM_JOB_LOG}", 240)
    console = worker.root / HOME.lstrip("/") / "console/console.log"
    assert console.read_text().splitlines() == ["hello from the guest", "pattern written, powering off"]
    assert worker.run(["stat", "--format=%U", f"{HOME}/console/console.log"]).stdout == f"{recipe.USER}\n"
    assert 'ChirpConsole = "hello from the guest | pattern written, powering off"' in events, "in the user's log"


def test_guest_that_prints_without_end_does_not_fill_the_disk(capped: Node) -> None:
    cluster = pool.submit(capped, "flood.sub", jobs.VM_JOB.replace(jobs.BASE, FLOOD).replace("log =", "log = flood-"))
    console = _console(capped, cluster)
    capped.wait_until(lambda: console.exists() and console.stat().st_size > CAP // 2, "the guest prints", 60)
    time.sleep(5)  # as much again, several times
    assert console.stat().st_size <= CAP
    assert console.stat().st_blocks * 512 <= CAP + 4096
    assert console.read_bytes().startswith(b"the same line again")
    capped.run(["condor_rm", str(cluster)])
    capped.wait_until(lambda: not console.exists(), "nothing is left of the job", 120)
    assert capped.run("pgrep --full build-domain", check=False).stdout == "", "nor of what wrote its console"
    assert pool.slot_ad(capped)["HasVM"] is True


def _console(worker: Node, cluster: int) -> Path:
    """Wait until a job has a scratch directory. Returns where its console will be."""
    ads = "var/lib/condor/execute/dir_*/scratch/.job.ad"

    def directories() -> list[Path]:
        return [path.parent for path in worker.root.glob(ads) if f"\nClusterId = {cluster}\n" in path.read_text()]

    worker.wait_until(lambda: bool(directories()), f"job {cluster} has its scratch directory", 60)
    return directories()[0] / "console.log"
