"""A job that is a virtual machine, from condor_submit to the overlay that comes back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from testnode import evidence, guest, jobs, pool, recipe
from testnode.node import Node
from testnode.stages import Installed

pytestmark = pytest.mark.guest

OVERLAY = f"/home/{recipe.USER}/{jobs.VM_JOB_DISK}"
CHAINED = "/srv/images/chained.qcow2"
CHAINED_HOME = f"/home/{recipe.USER}/chained"


@dataclass(frozen=True)
class Finished:
    """The job has ended; `events` is its event log, `overlay` the disk that came back, as the guest saw it."""

    node: Node
    events: str
    overlay: bytes


@pytest.fixture(scope="module")
def submitted(worker: Node) -> Node:
    """The node with two jobs, which run side by side: the example's, and one whose image has a backing file itself."""
    worker.run(f"qemu-img create -q -f qcow2 -F qcow2 -b {Path(jobs.BASE).name} {CHAINED}")
    worker.run(["mkdir", CHAINED_HOME], user=recipe.USER)
    job = jobs.VM_JOB.replace(f"{jobs.BASE}:", f"{CHAINED}?size=1G:").replace(
        "queue", f"initialdir = {CHAINED_HOME}\nqueue"
    )
    pool.submit(worker, "vm-job.sub", jobs.VM_JOB)
    pool.submit(worker, "chained.sub", job)
    return worker


@pytest.fixture(scope="module")
def finished(submitted: Node) -> Finished:
    events = pool.wait_for_end(submitted, jobs.VM_JOB_LOG, 240)
    return Finished(submitted, events, evidence.disk_content(submitted, OVERLAY))


def test_job_completes_with_exit_status_0(finished: Finished) -> None:
    assert "\n005 " in finished.events
    assert "Normal termination (return value 0)" in finished.events


def test_overlay_comes_back_with_the_base_as_backing_file_in_its_format(finished: Finished) -> None:
    chain = evidence.backing_chain(finished.node, OVERLAY)
    assert [(image["filename"], image["format"]) for image in chain] == [(OVERLAY, "qcow2"), (jobs.BASE, "qcow2")]
    assert chain[0]["backing-filename-format"] == "qcow2"


def test_overlay_is_sound(finished: Finished) -> None:
    assert evidence.check(finished.node, OVERLAY) == "No errors were found on the image."


def test_overlay_belongs_to_the_submitter(finished: Finished) -> None:
    assert finished.node.run(["stat", "--format=%U", OVERLAY]).stdout == f"{recipe.USER}\n"


def test_guests_write_is_in_the_overlay(finished: Finished) -> None:
    assert guest.pattern_sector(finished.overlay) == guest.PATTERN.ljust(guest.SECTOR, b"\0")


def test_guests_write_is_not_in_the_base_which_is_unchanged(finished: Finished, installed: Installed) -> None:
    assert guest.pattern_sector(evidence.disk_content(finished.node, jobs.BASE)) == bytes(guest.SECTOR)
    assert evidence.sha256(finished.node, jobs.BASE) == installed.bare.base_sha256


def test_guest_runs_on_a_chain_and_on_a_larger_disk(submitted: Node) -> None:
    events = pool.wait_for_end(submitted, f"chained/{jobs.VM_JOB_LOG}", 240)
    assert "Normal termination (return value 0)" in events
    chain = evidence.backing_chain(submitted, f"{CHAINED_HOME}/{jobs.VM_JOB_DISK}")
    assert [image["filename"] for image in chain] == [f"{CHAINED_HOME}/{jobs.VM_JOB_DISK}", CHAINED, jobs.BASE]
    assert chain[0]["virtual-size"] == 1 << 30
    written = guest.pattern_sector(evidence.disk_content(submitted, f"{CHAINED_HOME}/{jobs.VM_JOB_DISK}"))
    assert written.startswith(guest.PATTERN)


def test_guest_says_hello_on_its_serial_port(worker: Node) -> None:
    """By hand, for HTCondor's own domain throws the guest's console away."""
    worker.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", jobs.BASE, "/var/tmp/hello.qcow2"])
    machine = ["qemu-system-x86_64", "-accel", "kvm", "-m", "64", "-display", "none", "-serial", "stdio"]
    output = worker.run([*machine, "-drive", "file=/var/tmp/hello.qcow2,format=qcow2,if=virtio"]).stdout
    assert output.splitlines()[-2:] == ["hello from the guest", "pattern written, powering off"]


def test_missing_image_holds_a_vm_job_with_the_path_and_vm_universe_stays(worker: Node) -> None:
    missing = "/srv/images/missing.qcow2"
    cluster = pool.submit(worker, "missing.sub", jobs.VM_JOB.replace(jobs.BASE, missing))
    ad = pool.wait_for_hold(worker, cluster)
    assert f"cannot open image {missing}: No such file or directory" in ad["HoldReason"]
    worker.run(["condor_rm", str(cluster)])
    assert pool.slot_ad(worker)["HasVM"] is True


def test_share_without_locks_holds_a_vm_job_and_vm_universe_stays(worker: Node) -> None:
    """No guest would start there: QEMU fails to lock bytes."""
    server = (Path(__file__).parent / "share_without_locks.py").read_text(encoding="utf-8")
    (worker.root / "root/share_without_locks.py").write_text(server, encoding="utf-8")
    worker.run("mkdir -p /srv/share")
    program = f"python3 /root/share_without_locks.py /srv/share {jobs.BASE}"
    worker.run(f"systemd-run --quiet --collect --unit=share-without-locks {program}")
    worker.wait_until(lambda: " /srv/share fuse.share " in worker.run("cat /proc/mounts").stdout, "it is mounted", 30)
    try:
        refused = worker.run(["qemu-img", "info", "/srv/share/base.qcow2"], check=False)
        assert "Failed to lock byte " in refused.stderr
        submitted = jobs.VM_JOB.replace(jobs.BASE, "/srv/share/base.qcow2")
        cluster = pool.submit(worker, "no-locks.sub", submitted)
        ad = pool.wait_for_hold(worker, cluster)
    finally:
        worker.run("systemctl kill --signal=KILL share-without-locks")
        worker.run("umount --lazy /srv/share")
    assert (ad["HoldReasonCode"], ad["HoldReasonSubCode"]) == (13, 69 << 8)
    assert (
        "image /srv/share/base.qcow2 cannot be locked: No locks available, QEMU locks every image" in ad["HoldReason"]
    )
    worker.run(["condor_rm", str(cluster)])
    assert pool.slot_ad(worker)["HasVM"] is True


@pytest.mark.full
def test_consoles_of_the_jobs_of_one_submit_file_come_back_side_by_side(worker: Node) -> None:
    """The example with `queue 3`."""
    home = f"/home/{recipe.USER}/several"
    worker.run(["mkdir", home], user=recipe.USER)
    example = (Path(__file__).parents[2] / "packaging/vm-jobs.sub").read_text(encoding="utf-8")
    pool.submit(worker, "vm-jobs.sub", f"initialdir = {home}\n{example}")
    events = pool.wait_for_end(worker, "several/vm-jobs.log", 300)
    assert events.count("Normal termination (return value 0)") == 3
    back = {path.name: path.read_text(encoding="utf-8") for path in (worker.root / home.lstrip("/")).glob("*.log")}
    assert set(back) == {"vm-jobs.log", "console-0.log", "console-1.log", "console-2.log"}
    assert all(back[f"console-{number}.log"] for number in range(3))
