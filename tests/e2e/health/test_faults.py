"""A node with a fault gets no VM job, says what is wrong, and gets VM jobs again when it is repaired, without help."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from e2e.gahp import worker as gahp
from e2e.health import worker as health
from testnode import pool, recipe
from testnode.node import Node

pytestmark = pytest.mark.guest

LIMIT = 360  # seconds, with the package's own periods
Breaks = Callable[[Node], AbstractContextManager[None]]
full = pytest.mark.full
FAULTS = [
    pytest.param("share", health.unmounted, id="share unmounted"),
    pytest.param("canary", lambda node: health.away(node, health.CANARY), id="canary gone", marks=full),
    pytest.param("kvm", health.without_kvm, id="kvm removed", marks=full),
    pytest.param("execute", health.full, id="EXECUTE full", marks=full),
    pytest.param("network", health.without_bridge, id="network gone", marks=full),
    pytest.param("guest-facts", health.other_facts, id="guest facts changed", marks=full),
]
LIBVIRT_FAULTS = [
    pytest.param(health.stopped, id="libvirt stopped"),
    pytest.param(health.frozen, id="libvirt hung"),
]


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with health.node(health.POLICY) as worker:
        yield worker


def check(node: Node, name: str, breaks: AbstractContextManager[None], limit: float = 120) -> None:
    """Break the node. Another job runs, a VM job does not start; repair it, and the VM job starts."""
    job_name = f"vm-{time.monotonic_ns()}"
    with breaks:
        noticed = health.wait_for(node, name, limit)
        job = gahp.submit(node, job_name)
        health.run_vanilla(node, f"vanilla-{job_name}")
        node.wait_until(lambda: health.is_refused(node, job), "the negotiator finds no match", 60)
        analysis = ["condor_q", "-better-analyze", "-reverse", "-machine", recipe.HOSTNAME, str(job)]
        told = node.run(analysis).stdout
        assert re.search(r"^\[\d+\] +0  MY\.VmJobNodeIsHealthy$", told, re.MULTILINE), "its user sees why"
        assert "KvmStageReason = " in told
    begin = time.monotonic()
    health.wait_for(node, "", limit)
    healthy = time.monotonic() - begin
    gahp.wait_for_status(node, job, pool.RUNNING, limit)
    print(f"{name}: noticed after {noticed:.0f} s, healthy {healthy:.0f} s after the repair")
    gahp.remove(node, job)


@pytest.mark.parametrize(("name", "breaks"), FAULTS)
def test_fault_keeps_vm_jobs_out_until_it_is_repaired(node: Node, name: str, breaks: Breaks) -> None:
    check(node, name, breaks(node))
    log = health.log(node)
    assert f"No VM job starts here: {name}: " in log
    assert f"{name} is in order again" in log


@full
@pytest.mark.parametrize("breaks", LIBVIRT_FAULTS)
def test_libvirt_that_does_not_answer_keeps_vm_jobs_out_until_it_does(node: Node, breaks: Breaks) -> None:
    check(node, "libvirt", breaks(node), 200)


@full
def test_jobs_that_run_are_left_alone(node: Node) -> None:
    with health.running(node):
        for breaks in (health.unmounted, health.without_kvm, health.full, health.without_bridge):
            with breaks(node):
                node.wait_until(lambda: health.says(node) not in ("", None), "it is noticed", 60)
            health.wait_for(node, "")


@full
def test_share_that_is_gone_is_noticed_in_time_with_the_periods_of_the_package(node: Node) -> None:
    setting = node.root / "etc/condor/config.d/60-tests.conf"
    before = setting.read_text(encoding="utf-8")
    setting.write_text(before.replace(health.QUICK, ""), encoding="utf-8")
    node.run("condor_reconfig")
    node.run("rm -r /etc/systemd/system/condor-kvm-stage-health.timer.d")
    node.run("systemctl daemon-reload")
    node.run("systemctl restart condor-kvm-stage-health.timer")
    try:
        check(node, "share", health.unmounted(node), LIMIT)
    finally:
        setting.write_text(before, encoding="utf-8")
        node.run("condor_reconfig")
        health.every(node, f"{health.PERIOD}s")
