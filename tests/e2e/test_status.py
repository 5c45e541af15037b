"""condor-kvm-stage-status on a node with jobs, and the journal's entries of a job that ran and one that was refused."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from e2e import status
from e2e.gahp import worker as gahp
from testnode import jobs, pool, recipe
from testnode.node import Node

pytestmark = pytest.mark.guest

IMAGE = "/srv/images/status.qcow2"  # its guest powers off after 35 s
TICKS = 637


@dataclass(frozen=True)
class Seen:
    """A job while its guest ran, and one that was refused; then they have ended."""

    node: Node
    job: str
    vm: status.Vm
    table: str
    metrics: dict[str, dict[frozenset[str], float]]
    others_status: tuple[int, str]  # exit status and message for who is not root
    refused: str


@pytest.fixture(scope="module")
def seen(worker: Node) -> Seen:
    gahp.write_image(worker, IMAGE, "waits.asm", TICKS)
    cluster = gahp.submit(worker, "status", IMAGE)
    refused = gahp.submit(worker, "status-refused", "/srv/images/missing.qcow2")
    job = f"{cluster}.0"
    worker.wait_until(lambda: job in status.vms(worker), f"the virtual machine of job {job} is shown", 60)
    others = worker.run([status.PROGRAM], user=recipe.USER, check=False)
    table = worker.run([status.PROGRAM]).stdout
    found = Seen(
        worker,
        job,
        status.vms(worker)[job],
        table,
        status.metrics(worker),
        (others.returncode, others.stderr),
        f"{refused}.0",
    )
    pool.wait_for_hold(worker, refused)
    worker.run(["condor_rm", str(refused)])
    gahp.end(worker, cluster, "status")
    return found


def test_virtual_machine_is_shown_with_its_job(seen: Seen) -> None:
    vm = seen.vm
    assert (vm["owner"], vm["state"], vm["images"]) == (recipe.USER, "running", [IMAGE])
    assert (vm["cpus"], vm["memory_bytes"]) == (1, 64 << 20)
    assert 0 < vm["disk_bytes"] < 2 << 20
    assert vm["cpu_seconds"] >= 0
    now = float(seen.node.run("date +%s").stdout)
    assert now - 300 < vm["started"] <= now
    line = next(line for line in seen.table.splitlines() if line.startswith(f"{seen.job} "))
    assert line.split()[1:3] == [recipe.USER, "running"]
    assert f"\n  image   {IMAGE}\n" in seen.table


def test_prometheus_reads_the_metrics(seen: Seen) -> None:
    name = seen.vm["name"]
    assert seen.metrics["libvirt_up"] == {frozenset(): 1}
    assert seen.metrics["vms"][frozenset({"running"})] >= 1
    assert seen.metrics["vm_memory_bytes"][frozenset({name})] == 64 << 20
    assert seen.metrics["vm_info"][frozenset({name, seen.job, recipe.USER, IMAGE})] == 1


def test_who_is_not_root_is_told_what_is_needed(seen: Seen) -> None:
    code, message = seen.others_status
    assert code == 1
    assert "run this as root" in message


def test_virtual_machine_that_has_ended_is_not_shown(seen: Seen) -> None:
    assert seen.job not in status.vms(seen.node)


def test_job_that_ran_has_an_entry_for_each_event_and_root_is_the_witness_of_its_start_and_end(seen: Seen) -> None:
    uid = seen.node.run(["id", "--user", recipe.USER]).stdout.strip()
    entries = status.events(seen.node, seen.job)
    assert [entry["KVM_STAGE_EVENT"] for entry in entries] == ["staged", "started", "ended"]
    assert [entry["_UID"] for entry in entries] == [uid, "0", "0"]
    assert {entry["KVM_STAGE_OWNER"] for entry in entries} == {recipe.USER}
    assert {entry["KVM_STAGE_IMAGE"] for entry in entries} == {IMAGE}
    assert {entry["SYSLOG_IDENTIFIER"] for entry in entries} == {"condor-kvm-stage"}
    assert {entry["PRIORITY"] for entry in entries} == {"6"}
    assert entries[-1]["KVM_STAGE_END"] == "powered-off"
    assert seen.vm["name"] in entries[-1]["MESSAGE"]


def test_job_that_was_refused_has_one_entry_with_the_reason(seen: Seen) -> None:
    (entry,) = status.events(seen.node, seen.refused)
    assert (entry["KVM_STAGE_EVENT"], entry["PRIORITY"]) == ("refused", "5")
    assert entry["KVM_STAGE_IMAGE"] == "/srv/images/missing.qcow2"
    assert "cannot open image /srv/images/missing.qcow2: No such file or directory" in entry["MESSAGE"]


def test_trial_by_hand_is_not_in_the_journal(seen: Seen) -> None:
    before = seen.node.run("journalctl --no-pager -o cat -t condor-kvm-stage").stdout
    seen.node.run(["condor-kvm-stage-genconfig", "--check", f"nfs://{jobs.BASE}:disk"], check=False)
    assert seen.node.run("journalctl --no-pager -o cat -t condor-kvm-stage").stdout == before
