"""Nodes that are unusual, or busy, and not broken: --check raises no false alarm."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from e2e.check.repair import APPLY, shell
from e2e.check.verdicts import CHECK, IMAGE_DIRS, check
from e2e.check.vm_trial import vm_job_runs
from testnode import jobs, node, pool, site, stages
from testnode.node import Node

pytestmark = [pytest.mark.guest, pytest.mark.full]
_QEMU_CONF = "/etc/libvirt/qemu.conf"


@dataclass(frozen=True)
class Unusual:
    """A healthy node. how, undo: shell commands that make it unusual, and usual again."""

    name: str
    how: str
    undo: str


ROWS = (
    Unusual("no-policy", f": > {site.POLICY}; {APPLY}", f"printf '{IMAGE_DIRS}' > {site.POLICY}; {APPLY}"),
    Unusual(
        "no-network",
        f"printf '[network]\\ntypes = []\\n' >> {site.POLICY}; {APPLY}",
        f"printf '{IMAGE_DIRS}' > {site.POLICY}; {APPLY}",
    ),
    Unusual(
        "slash-after-directory",
        f"sed -i 's:/srv/images:/srv/images/:' {site.POLICY}; {APPLY}",
        f"printf '{IMAGE_DIRS}' > {site.POLICY}; {APPLY}",
    ),
    Unusual(
        "mixed-directory",
        "cd /srv/images; install -m 600 /dev/null a.qcow2; echo KDMV > b.img; : > c.raw",
        "cd /srv/images; rm a.qcow2 b.img c.raw",
    ),
    Unusual(
        "ownership-is-the-sites",
        f"cp {_QEMU_CONF} /srv; echo dynamic_ownership = 0 >> {_QEMU_CONF}; systemctl restart libvirtd; sleep 2",
        f"cp /srv/qemu.conf {_QEMU_CONF}; systemctl restart libvirtd",
    ),
    Unusual(
        "other-files",
        "cd /etc/condor/config.d; echo SITE = here > 55-site.conf; cp 55-site.conf 55-site.conf.orig; echo x=1 > .a; "
        "condor_reconfig",
        "cd /etc/condor/config.d; rm 55-site.conf 55-site.conf.orig .a; condor_reconfig",
    ),
)


@pytest.fixture(scope="module")
def worker() -> Iterator[Node]:
    with node.running() as booted:
        bare = stages.make_bare(booted)
        pool.restart_at_once(booted)
        stages.install(bare)
        (booted.root / site.POLICY.lstrip("/")).write_text(IMAGE_DIRS, encoding="utf-8")
        booted.run(APPLY, timeout=150)
        stages.wait_for_vm_universe(booted, True)
        yield booted


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
def test_unusual_node_raises_no_alarm(worker: Node, row: Unusual) -> None:
    shell(worker, row.how)
    try:
        found = check(worker)
        assert (found.failed, found.status) == (set(), 0), {name: found.found[name] for name in found.failed}
        assert vm_job_runs(worker)
    finally:
        shell(worker, row.undo)
        stages.wait_for_vm_universe(worker, True)


def test_job_that_begins_and_ends_is_no_reason_for_a_restart(worker: Node) -> None:
    """Each slot has an ad of its own: while they change, they do not add up."""
    cluster = pool.submit(worker, "watched.sub", jobs.VM_JOB)
    said: set[str] = set()

    def is_over() -> bool:
        said.add(check(worker).found["htcondor startd"])
        return not pool.job_ad(worker, cluster)

    worker.wait_until(is_over, "the job has ended", 120)
    worker.wait_until(lambda: pool.slot_ad(worker).get("NumDynamicSlots") == 0, "its slot is gone", 60)
    said.add(check(worker).found["htcondor startd"])
    assert not [found for found in said if "restart needed" in found]


@contextlib.contextmanager
def busy(worker: Node, processes: int) -> Iterator[None]:
    """Let so many processes of the node compute, without an end, until the context's."""
    loop = f"for i in $(seq {processes}); do (while :; do :; done) & done; wait"
    worker.run(["systemd-run", "--quiet", "--unit=busy", "--property=RuntimeMaxSec=300", "sh", "-c", loop])
    try:
        yield
    finally:
        worker.run("systemctl stop busy", timeout=90)


def test_node_under_a_load_of_twenty_is_not_said_to_be_broken(worker: Node) -> None:
    with busy(worker, 20):
        worker.wait_until(
            lambda: float(worker.run("cat /proc/loadavg").stdout.split()[0]) > 15, "the load is there", 120
        )
        for _ in range(3):
            found = check(worker)
            assert found.failed == set(), {name: found.found[name] for name in found.failed}
            assert "dnf" not in " ".join(found.steps[name] for name in found.steps if name != "libvirt network")
        assert worker.run(APPLY, timeout=200, check=False).returncode == 0
        text = worker.run(CHECK, timeout=60).stdout
        assert "This node can run VM jobs" in text
        assert vm_job_runs(worker, idle=60)
