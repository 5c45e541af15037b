"""Jobs whose images are on the kernel's NFS, through a real starter: nfs://server/export/…, private images, faults."""

from __future__ import annotations

import pytest

from e2e.machine import filer, own_jobs, troubles
from testnode import evidence, guest, jobs, pool, recipe, stages
from testnode.node import Node

pytestmark = [pytest.mark.full, pytest.mark.timeout(3600)]

ON_SERVER = f"{filer.SERVER}{filer.EXPORT}"
HOME = f"home/{recipe.USER}"


def state(nfs: Node, image: str) -> str:
    """Owner, mode, time of the last change and checksum of an image, as the server has them."""
    path = f"{filer.EXPORT}/{image}"
    return nfs.run(["stat", "--format=%U:%G %a %Z", path]).stdout + evidence.sha256(nfs, path)


def test_url_with_server_and_export_leads_through_the_mount(nfs: Node) -> None:
    url = f"nfs://{ON_SERVER}/{filer.IMAGE}:disk.qcow2"
    pool.run_to_end(nfs, "server", jobs.staging_job(url, "server", output="disk.qcow2"), timeout=180)
    overlay, base = evidence.backing_chain(nfs, f"/{HOME}/disk.qcow2")
    assert base["filename"] in [f"{place}/{filer.IMAGE}" for place in filer.PLACES.values()]
    assert overlay["virtual-size"] == base["virtual-size"]


@pytest.mark.parametrize(
    "image", [filer.IMAGE, filer.PRIVATE], ids=["for-all", "private-on-a-share-that-squashes-root"]
)
def test_guest_runs_from_an_image_on_nfs_and_the_image_does_not_change(nfs: Node, image: str) -> None:
    name = f"vm-{image.partition('/')[0]}"
    before = state(nfs, image)
    stages.wait_for_vm_universe(nfs, True)
    own_jobs.submit(nfs, name, f"{ON_SERVER}/{image}")
    events = pool.wait_for_end(nfs, f"{name}/{name}.log", 500)
    assert "Normal termination (return value 0)" in events
    console = (nfs.root / HOME / name / "console.log").read_text(encoding="utf-8")
    assert console.splitlines()[-1] == "pattern written, powering off"
    disk = (nfs.root / HOME / name / jobs.VM_JOB_DISK).read_bytes()
    assert guest.PATTERN in disk
    assert state(nfs, image) == before


@pytest.mark.parametrize("mount", filer.MOUNTS)
def test_private_image_on_a_share_that_squashes_root_is_staged_for_its_owner_alone(nfs: Node, mount: str) -> None:
    place = filer.PLACES[mount]
    assert filer.stage(nfs, place, filer.PRIVATE).status == 0
    for user in (filer.OTHER, "root"):
        tried = filer.stage(nfs, place, filer.PRIVATE, user)
        assert tried.status == 77
        assert f"image {place}/{filer.PRIVATE} is not readable for the job's user" in tried.message


def test_server_that_is_cut_off_holds_the_job_which_runs_when_it_is_back(nfs: Node) -> None:
    job = jobs.staging_job(f"nfs://{ON_SERVER}/{filer.IMAGE}:disk.qcow2", "cut")
    with troubles.cut_off(nfs):
        cluster = pool.submit(nfs, "cut.sub", job)
        ad = pool.wait_for_hold(nfs, cluster, 180)
    assert (ad["HoldReasonCode"], ad["HoldReasonSubCode"]) == (13, 69 << 8)
    assert f"the share does not answer, nothing happened on worker for {filer.TIMEOUT} s" in ad["HoldReason"]
    nfs.run(["condor_release", str(cluster)])
    assert "Normal termination (return value 0)" in pool.wait_for_end(nfs, "cut.log", 180)


def test_lock_of_another_client_is_seen_through_each_version(nfs: Node) -> None:
    """A process of the server stands for the client: the server tells both alike."""
    path = f"{filer.EXPORT}/{filer.IMAGE}"
    program = (
        "import fcntl, sys, time; file = open(sys.argv[1], 'r+'); fcntl.lockf(file, fcntl.LOCK_EX); time.sleep(600)"
    )
    nfs.run(["systemd-run", "--quiet", "--unit=lock", "python3", "-c", program, path])
    try:
        inode = nfs.run(["stat", "--format=%i", path]).stdout.strip()
        nfs.wait_until(lambda: f":{inode} " in nfs.run("cat /proc/locks").stdout, "the image is locked", 30)
        for name, tried in filer.through_all_mounts(nfs, "stage").items():
            print(f"{name}: {tried.message}")
            assert tried.status == 69
            assert f"{filer.IMAGE} is locked by " in tried.message
    finally:
        nfs.run("systemctl stop lock")


def test_server_that_is_cut_off_before_a_guest_starts_holds_the_job_and_vm_universe_stays(nfs: Node) -> None:
    """The disk is staged: the hook before the guest's start finds that its base image cannot be read any more."""
    stages.wait_for_vm_universe(nfs, True)
    cluster = own_jobs.submit(nfs, "vm-cut", f"{ON_SERVER}/{filer.IMAGE}")
    log = nfs.root / HOME / "vm-cut/vm-cut.log"
    nfs.wait_until(
        lambda: "Finished transferring input files" in log.read_text(encoding="utf-8"), "the disk is staged", 180
    )
    with troubles.cut_off(nfs):
        ad = pool.wait_for_hold(nfs, cluster, 180)
        assert pool.slot_ad(nfs)["HasVM"] is True
    assert (ad["HoldReasonCode"], ad["HoldReasonSubCode"]) == (19, 69)  # 19: the hook put it on hold
    assert "cannot inspect disk disk.qcow2: the share does not answer; nothing happened on worker" in ad["HoldReason"]
    nfs.run(["condor_release", str(cluster)])
    assert "Normal termination (return value 0)" in pool.wait_for_end(nfs, "vm-cut/vm-cut.log", 500)
