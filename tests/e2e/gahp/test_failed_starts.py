"""A start that fails by the job's fault, or its user's, costs the job; one that fails by the node's costs the node."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterable, Iterator

import pytest

from condor_kvm_stage import installed
from e2e import status
from e2e.domain import scene
from e2e.gahp import worker as gahp
from e2e.gahp.worker import LIBVIRT, LONG
from e2e.health import worker as health
from testnode import jobs, pool, recipe, site
from testnode.node import Node
from testnode.recipe import Release

pytestmark = pytest.mark.guest

STARTD_HELD_JOB = 21  # of HTCondor's HoldReasonCode
# A lock for writing, where QEMU has its own, so that no other may have the image open (block/file-posix.c of QEMU)
LOCK = """
import fcntl, struct, sys, time
with open(sys.argv[1], "r+b") as file:
    for start in (100, 200):
        fcntl.fcntl(file, 37, struct.pack("hhqqi", fcntl.F_WRLCK, 0, start, 10, 0))
    time.sleep(600)
"""
# What the job's user can do to a QEMU, which runs as this user, while it starts
SIGNAL = "while :; do pkill --signal {} --full ^/usr/bin/qemu-system; sleep 0.02; done"
# What root does between the builder's end and QEMU's start; the first disk is $1
AFTER_BUILDER = """#!/bin/sh
definition=$(/usr/libexec/condor-kvm-stage/build-domain "$PPID")
disk=$(printf %s "$definition" | grep -o "/[^\\"']*.condor-kvm-stage/disk.qcow2" | head -n 1)
[ ! -x /srv/between ] || /srv/between "$disk" > /dev/null 2>&1 < /dev/null
printf '%s\\n' "$definition"
"""
WRAPPER = "/srv/after-builder"
OTHER = "/srv/other.xml"


@pytest.fixture(scope="module", params=[Release.TESTING, pytest.param(Release.TRIXIE, marks=pytest.mark.full)])
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    with gahp.node(request.param, f"LIBVIRT_XML_SCRIPT = {WRAPPER}\n") as worker:
        put(worker, WRAPPER, AFTER_BUILDER)
        yield worker


def put(worker: Node, path: str, text: str) -> None:
    place = worker.root / path.lstrip("/")
    place.write_text(text, encoding="utf-8")
    place.chmod(0o755)


@contextlib.contextmanager
def unit(worker: Node, command: list[str], user: str = "root") -> Iterator[None]:
    """Run a command in the background, until the context ends."""
    run = ["systemd-run", "--quiet", "--collect", "--unit=disturbance", f"--uid={user}"]
    worker.run([*run, *command])
    try:
        yield
    finally:
        worker.run("systemctl kill --signal=KILL disturbance", check=False)
        worker.wait_until(
            lambda: worker.run("systemctl is-active --quiet disturbance", check=False).returncode != 0, "it ends", 20
        )


@contextlib.contextmanager
def between(worker: Node, script: str) -> Iterator[None]:
    """Run a script of root's between builder and QEMU; "$1" is the job's disk."""
    put(worker, "/srv/between", f"#!/bin/sh\n{script}\n")
    try:
        yield
    finally:
        (worker.root / "srv/between").unlink()


@contextlib.contextmanager
def killed(worker: Node) -> Iterator[None]:
    with unit(worker, ["sh", "-c", SIGNAL.format("KILL")], recipe.USER):
        yield


@contextlib.contextmanager
def locked(worker: Node) -> Iterator[None]:
    put(worker, "/srv/lock.py", LOCK)
    script = 'systemd-run --quiet --collect --unit=disturbance python3 /srv/lock.py "$1"; sleep 1'
    with between(worker, script):
        yield
    worker.run("systemctl kill --signal=KILL disturbance", check=False)


def selected(names: Iterable[str], *short: str) -> list[object]:
    """Return the parameters of a test: only the short selection has those."""
    return [name if name in short else pytest.param(name, marks=pytest.mark.full) for name in names]


Disturbance = Callable[[Node], contextlib.AbstractContextManager[None]]
# With what the user is told
CAUSES: dict[str, tuple[Disturbance, str]] = {
    "killed by its user": (killed, "QEMU was killed"),
    "disk is locked": (locked, "lock"),
    "disk disappears": (lambda worker: between(worker, 'rm "$1"'), "disk.qcow2.*No such file"),
    "disk is truncated": (lambda worker: between(worker, 'truncate --size=100 "$1"'), "header too short"),
    "disk is no qcow2 image": (
        lambda worker: between(worker, 'dd if=/dev/zero of="$1" bs=4096 count=1 conv=notrunc'),
        "not in qcow2 format; check the disk image",
    ),
    "disk cannot be opened": (lambda worker: between(worker, 'chmod 000 "$1"; chown root "$1"'), "Permission denied"),
    "disk is a directory": (lambda worker: between(worker, 'rm "$1"; mkdir "$1"'), "to be a regular file"),
    "console is gone": (lambda worker: between(worker, 'rm "${1%/*}"/.console.*'), "No such file"),
    # QEMU waits for a writer, and libvirt for QEMU
    "start never finishes": (lambda worker: between(worker, 'rm "$1"; mkfifo "$1"'), "has not started in 180 s"),
    "vm-gahp dies": (
        lambda worker: between(worker, "pkill --signal KILL condor_vm-gahp"),
        "vm-gahp has ended by itself",
    ),
}


def next_cluster(worker: Node) -> int:
    """Return the cluster that the next job will have."""
    cluster = pool.submit(worker, "probe.sub", jobs.staging_job("", "probe", more="hold = True"))
    worker.run(["condor_rm", str(cluster)])
    return cluster + 1


def define_other(worker: Node, cluster: int) -> None:
    """Write the definition of a guest that has the name of a job's."""
    text = "<domain type='kvm'><name>{}</name><memory unit='MiB'>16</memory><os><type>hvm</type></os></domain>"
    put(worker, OTHER, text.format(gahp.domain(cluster)))


@pytest.mark.parametrize("cause", selected(CAUSES, "killed by its user", "disk is locked", "vm-gahp dies"))
def test_job_goes_on_hold_and_node_keeps_vm_universe(node: Node, cause: str) -> None:
    disturbance, words = CAUSES[cause]
    with disturbance(node):
        job = gahp.submit(node, cause.replace(" ", "-"))
        ad = pool.wait_for_hold(node, job, 300)
    assert re.search(f"the virtual machine has not started: .*{words}", ad["HoldReason"])
    assert (ad["HoldReasonCode"], ad["HoldReasonSubCode"]) == (STARTD_HELD_JOB, installed.HOLD_SUBCODE)
    refused = [entry for entry in status.events(node, f"{job}.0") if entry["KVM_STAGE_EVENT"] == "refused"]
    assert ("start", "0") in {(entry["KVM_STAGE_CHECK"], entry["_UID"]) for entry in refused}
    assert gahp.has_vm(node) == {True}
    node.run(["condor_rm", str(job)])
    assert not gahp.runs(node, job)


@pytest.mark.parametrize("when", selected(["before the builder", "after the builder"], "after the builder"))
def test_guest_of_another_access_points_job_survives_one_of_its_name(node: Node, when: str) -> None:
    cluster = next_cluster(node)
    define_other(node, cluster)
    with contextlib.ExitStack() as stack:
        if when == "before the builder":
            node.run(["virsh", "create", OTHER])
        else:
            stack.enter_context(between(node, f"virsh create {OTHER}"))
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


@contextlib.contextmanager
def hidden_scratch_directories(worker: Node) -> Iterator[None]:
    with between(worker, f"chmod 700 {scene.EXECUTE}"):
        try:
            yield
        finally:
            worker.run(["chmod", "755", scene.EXECUTE])


@contextlib.contextmanager
def lost_bridge(worker: Node) -> Iterator[None]:
    """The node offers nat, also afterwards."""
    worker.run("virsh net-start default")
    with site.policy(worker, '[network]\ntypes = ["nat"]\n'):
        worker.run("condor-kvm-stage-genconfig --apply", timeout=150)
    worker.run("ip link delete virbr0")
    try:
        yield
    finally:
        worker.run("virsh net-destroy default")
        worker.run("virsh net-start default")


FAULTS: dict[str, Disturbance] = {
    "device is closed": closed_device,
    "libvirt is dead": dead_libvirt,
    "EXECUTE is closed": hidden_scratch_directories,
    "bridge is gone": lost_bridge,
}
NEEDS = {"bridge is gone": ("vm_networking = true", "vm_networking_type = nat")}


@pytest.mark.parametrize("fault", selected(FAULTS, "device is closed", "libvirt is dead"))
def test_fault_of_the_node_takes_vm_universe_away_until_it_is_repaired(node: Node, fault: str) -> None:
    name = fault.replace(" ", "-")
    with FAULTS[fault](node):
        job = gahp.submit(node, name, LONG, *NEEDS.get(fault, ()))
        node.wait_until(lambda: gahp.has_vm(node) == {False}, "HasVM is false", 180)
        if fault == "EXECUTE is closed":  # control guests start
            time.sleep(45)  # longer than between two trials
            assert gahp.has_vm(node) == {False}, "it is not repaired"
        gahp.wait_for_status(node, job, pool.IDLE)
    node.wait_until(lambda: gahp.has_vm(node) == {True}, "HasVM is true again", 120)
    gahp.wait_for_guest(node, job, 90)
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
