"""A start that fails by the job's fault, or its user's, costs the job; one that fails by the node's costs the node."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterable, Iterator

import pytest

from condor_kvm_stage import installed
from e2e import status
from e2e.gahp import disturbances, start_causes
from e2e.gahp import worker as gahp
from e2e.gahp.start_causes import CAUSES
from e2e.gahp.worker import LIBVIRT, LONG
from e2e.health import worker as health
from testnode import jobs, pool, site
from testnode.node import Node
from testnode.recipe import Release

pytestmark = pytest.mark.guest

OTHER = "/srv/other.xml"


@pytest.fixture(scope="module", params=[Release.TESTING, pytest.param(Release.TRIXIE, marks=pytest.mark.full)])
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    with gahp.node(request.param, disturbances.SETTINGS) as worker:
        disturbances.prepare(worker)
        yield worker


def selected(names: Iterable[str], *short: str) -> list[object]:
    """Return the parameters of a test: only the short selection has those."""
    return [name if name in short else pytest.param(name, marks=pytest.mark.full) for name in names]


def next_cluster(worker: Node) -> int:
    """Return the cluster that the next job will have."""
    cluster = pool.submit(worker, "probe.sub", jobs.staging_job("", "probe", more="hold = True"))
    worker.run(["condor_rm", str(cluster)])
    return cluster + 1


def define_other(worker: Node, cluster: int) -> None:
    """Write the definition of a guest that has the name of a job's."""
    text = "<domain type='kvm'><name>{}</name><memory unit='MiB'>16</memory><os><type>hvm</type></os></domain>"
    disturbances.put(worker, OTHER, text.format(gahp.domain(cluster)))


@pytest.mark.parametrize("cause", selected(CAUSES, "killed by its user"))
def test_job_goes_on_hold_and_node_keeps_vm_universe(node: Node, cause: str) -> None:
    name = re.sub("[^a-z0-9]+", "-", cause.lower())
    with CAUSES[cause].disturbance(node):
        job = gahp.submit(node, name, LONG, *CAUSES[cause].more)
        ad = pool.wait_for_hold(node, job, 360)
    assert re.search(f"the virtual machine has not started: .*{CAUSES[cause].words}", ad["HoldReason"])
    assert (ad["HoldReasonCode"], ad["HoldReasonSubCode"]) == (gahp.STARTD_HELD_JOB, installed.HOLD_SUBCODE)
    refused = [entry for entry in status.events(node, f"{job}.0") if entry["KVM_STAGE_EVENT"] == "refused"]
    assert (CAUSES[cause].check, "0") in {(entry["KVM_STAGE_CHECK"], entry["_UID"]) for entry in refused}
    assert gahp.has_vm(node) == {True}
    node.run(["condor_rm", str(job)])
    assert not gahp.runs(node, job)
    ordinary = gahp.submit(node, f"after-{name}")
    gahp.wait_for_guest(node, ordinary)
    gahp.remove(node, ordinary)


@pytest.mark.parametrize("when", selected(["before the builder", "after the builder"], "after the builder"))
def test_guest_of_another_access_points_job_survives_one_of_its_name(node: Node, when: str) -> None:
    cluster = next_cluster(node)
    define_other(node, cluster)
    with contextlib.ExitStack() as stack:
        if when == "before the builder":
            node.run(["virsh", "create", OTHER])
        else:
            stack.enter_context(disturbances.between(node, f"virsh create {OTHER}"))
        assert gahp.submit(node, when.replace(" ", "-")) == cluster
        ad = pool.wait_for_hold(node, cluster, 120)
    assert "already" in ad["HoldReason"]
    assert gahp.has_vm(node) == {True}
    node.run(["condor_rm", str(cluster)])
    assert gahp.runs(node, cluster)
    node.run(["virsh", "destroy", gahp.domain(cluster)])


def test_ordinary_job_runs_next(node: Node) -> None:
    job = gahp.submit(node, "ordinary", jobs.BASE)
    assert gahp.end(node, job, "ordinary")["ExitCode"] == 0


@contextlib.contextmanager
def closed_device(worker: Node) -> Iterator[None]:
    worker.run("chmod 600 /dev/kvm")
    try:
        yield
    finally:
        worker.run("chmod 666 /dev/kvm")


@contextlib.contextmanager
def dead_libvirt(worker: Node) -> Iterator[None]:
    worker.run(f"systemctl stop {LIBVIRT}")
    try:
        yield
    finally:
        worker.run(f"systemctl start {LIBVIRT}")


def offer_nat(worker: Node) -> None:
    """Let the node offer a network, from then on."""
    if pool.slot_ad(worker).get("VM_Networking"):
        return
    worker.run("virsh net-start default")
    with site.policy(worker, '[network]\ntypes = ["nat"]\n'):
        worker.run("condor-kvm-stage-genconfig --apply", timeout=150)


@contextlib.contextmanager
def lost_bridge(worker: Node) -> Iterator[None]:
    offer_nat(worker)
    worker.run("ip link delete virbr0")
    try:
        yield
    finally:
        worker.run("virsh net-destroy default")
        worker.run("virsh net-start default")


FAULTS: dict[str, start_causes.Disturbance] = {
    "device is closed": closed_device,
    "libvirt is dead": dead_libvirt,
    "EXECUTE is closed": disturbances.hidden_scratch_directories,
    "guests may not read images": lambda worker: disturbances.denied_to_guests(worker, LONG),
    "bridge is gone": lost_bridge,
}
HIDDEN = ("EXECUTE is closed", "guests may not read images")  # from control guests that are nobody's
NAT = ("vm_networking = true", "vm_networking_type = nat")
NEEDS = {"bridge is gone": NAT}


@pytest.mark.parametrize("fault", selected(FAULTS, "device is closed"))
def test_fault_of_the_node_takes_vm_universe_away_until_it_is_repaired(node: Node, fault: str) -> None:
    name = fault.replace(" ", "-")
    with FAULTS[fault](node):
        job = gahp.submit(node, name, LONG, *NEEDS.get(fault, ()))
        node.wait_until(lambda: gahp.has_vm(node) == {False}, "HasVM is false", 180)
        if fault in HIDDEN:
            time.sleep(45)  # longer than between two trials
            assert gahp.has_vm(node) == {False}, "it is not repaired"
        gahp.wait_for_status(node, job, pool.IDLE)
    node.wait_until(lambda: gahp.has_vm(node) == {True}, "HasVM is true again", 120)
    gahp.wait_for_guest(node, job, 90)
    gahp.remove(node, job)


@pytest.mark.full
def test_guest_with_the_mac_address_of_another_runs_beside_it(node: Node) -> None:
    """libvirt and QEMU do not mind, so nothing fails, and nobody is at fault."""
    offer_nat(node)
    same = (*NAT, "vm_macaddr = 52:54:00:12:34:56")
    both = [gahp.submit(node, f"same-address-{n}", LONG, *same) for n in range(2)]
    for job in both:
        gahp.wait_for_guest(node, job, 90)
    assert gahp.has_vm(node) == {True}
    for job in both:
        gahp.remove(node, job)


@pytest.mark.full
def test_job_with_more_memory_than_the_node_has_stays_idle_and_its_user_sees_why(node: Node) -> None:
    job = gahp.submit(node, "huge", LONG, "request_memory = 900000")
    time.sleep(30)  # negotiations
    assert pool.job_ad(node, job)["JobStatus"] == pool.IDLE
    said = node.run(["condor_q", "-better-analyze", str(job)], timeout=30).stdout
    assert "JobVMMemory = 900000" in said
    assert gahp.has_vm(node) == {True}
    gahp.remove(node, job)


@pytest.mark.full
def test_fault_of_the_node_that_is_repaired_before_control_guests_start_costs_no_job(node: Node) -> None:
    log = node.root / "var/log/condor/VMGahpLog"
    before = log.read_text("utf-8", "replace").count("File(/dev/kvm) can't be read")
    node.run("systemctl kill --signal=STOP libvirtd.service")  # the control guests wait
    try:
        with health.without_kvm(node):
            job = gahp.submit(node, "repaired")
            node.wait_until(
                lambda: log.read_text("utf-8", "replace").count("File(/dev/kvm) can't be read") > before,
                "the vm-gahp does not find /dev/kvm",
                90,
            )
    finally:
        node.run("systemctl kill --signal=CONT libvirtd.service")
    node.wait_until(lambda: "no /dev/kvm when the guest was to start" in gahp.filter_log(node), "it is judged", 90)
    node.wait_until(lambda: gahp.has_vm(node) == {True}, "HasVM is true", 120)
    gahp.wait_for_guest(node, job, 120)
    gahp.remove(node, job)
