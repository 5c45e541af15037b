"""Images that only their owner may read, on a share where root may not: he runs machines from them, alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from testnode import evidence, guest, jobs, pool, recipe, site
from testnode.node import Node

pytestmark = pytest.mark.guest

SHARE, EXPORT = "/srv/private-share", "/srv/private-export"
OWN = f"{SHARE}/{recipe.USER}"
IMAGE, BACKING = "chained.qcow2", "base.qcow2"
HOME = f"/home/{recipe.USER}"
OTHER = "bob"
POLICY = f'[staging]\nimage_dirs = ["{SHARE}"]\noutput_dirs = ["{SHARE}"]\n'


@dataclass(frozen=True)
class Finished:
    """The node with the share, when the job has ended. before: owner, mode, checksum of the files of the share."""

    node: Node
    events: str
    before: dict[str, str]


def state(node: Node) -> dict[str, str]:
    """Return owner, mode, time of the last change and checksum of the images, as the server has them."""
    paths = [f"{EXPORT}/{recipe.USER}/{name}" for name in (IMAGE, BACKING)]
    stats = node.run(["stat", "--format=%U:%G %a %Z", *paths]).stdout.splitlines()
    return {path: f"{words} {evidence.sha256(node, path)}" for path, words in zip(paths, stats)}


@pytest.fixture(scope="module")
def share(starter: Node) -> Iterator[Node]:
    """The node with the share, mounted: two images of mode 600 in a directory that others may search, not list."""
    server = (Path(__file__).parent / "squashing_share.py").read_text(encoding="utf-8")
    (starter.root / "root/squashing_share.py").write_text(server, encoding="utf-8")
    directory = f"{EXPORT}/{recipe.USER}"
    starter.run(["mkdir", "--parents", directory, SHARE])
    starter.run(["cp", jobs.BASE, f"{directory}/{BACKING}"])
    starter.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", BACKING, f"{directory}/{IMAGE}"])
    starter.run(["chmod", "600", f"{directory}/{BACKING}", f"{directory}/{IMAGE}"])
    starter.run(["chmod", "711", directory])
    starter.run(["chown", "--recursive", f"{recipe.USER}:", directory])
    starter.run(["useradd", "--create-home", OTHER])
    program = f"python3 /root/squashing_share.py {EXPORT} {SHARE}"
    starter.run(f"systemd-run --quiet --collect --unit=squashing-share {program}")
    starter.wait_until(lambda: f" {SHARE} fuse " in starter.run("cat /proc/mounts").stdout, "it is mounted", 30)
    try:
        with site.policy(starter, POLICY):
            yield starter
    finally:
        starter.run("systemctl kill --signal=KILL squashing-share")
        starter.run(["umount", "--lazy", SHARE])


def vm_job(image: str, more: str) -> str:
    return jobs.VM_JOB.replace(jobs.BASE, image).replace("log = vm-job.log\nqueue", f"log = private.log\n{more}\nqueue")


@pytest.fixture(scope="module")
def finished(share: Node) -> Finished:
    before = state(share)
    share.run(["mkdir", "private"], user=recipe.USER)
    more = f'transfer_output_remaps = "disk.qcow2 = nfs://{OWN}/result.qcow2?standalone=yes"\ninitialdir = private'
    pool.submit(share, "private.sub", vm_job(f"{OWN}/{IMAGE}", more))
    return Finished(share, pool.wait_for_end(share, "private/private.log", 240), before)


def test_share_refuses_root(share: Node) -> None:
    for command in (["ls", OWN], ["cat", f"{OWN}/{IMAGE}"]):
        assert "Permission denied" in share.run(command, check=False).stderr


def test_job_with_private_images_runs(finished: Finished) -> None:
    assert "Normal termination (return value 0)" in finished.events
    console = (finished.node.root / HOME.lstrip("/") / "private/console.log").read_text(encoding="utf-8")
    assert console.splitlines()[-1] == "pattern written, powering off"


def test_disk_comes_back_to_the_private_directory(finished: Finished) -> None:
    path = f"{EXPORT}/{recipe.USER}/result.qcow2"
    assert finished.node.run(["stat", "--format=%U", path]).stdout == f"{recipe.USER}\n"
    (image,) = evidence.backing_chain(finished.node, path)
    assert image["format"] == "qcow2"
    assert guest.pattern_sector(evidence.disk_content(finished.node, path)).startswith(guest.PATTERN)


def test_images_have_not_changed(finished: Finished) -> None:
    assert state(finished.node) == finished.before
    assert {words.split()[1] for words in finished.before.values()} == {"600"}


def test_nobody_else_can_stage_them(share: Node) -> None:
    """By hand, as his job would: the plug-in runs as the job's user."""
    plugin = ["/usr/local/bin/vm-nfs-plugin", f"nfs://{OWN}/{IMAGE}:disk.qcow2", f"/home/{OTHER}/x"]
    result = share.run(plugin, user=OTHER, check=False)
    assert result.returncode == 77
    assert f"image {OWN}/{IMAGE} is not readable for the job's user" in result.stderr
    assert "disk.qcow2" not in share.run(["ls", "-A", f"/home/{OTHER}"]).stdout


def test_overlay_of_a_private_image_does_not_open_it_to_anybody_else(share: Node) -> None:
    """Another user's own overlay names it as its backing file."""
    own = f"/home/{OTHER}/overlay.qcow2"
    create = ["qemu-img", "create", "-q", "-f", "qcow2", "-u", "-F", "qcow2", "-b", f"{OWN}/{IMAGE}", own, "4M"]
    share.run(create, user=OTHER)
    with site.policy(share, POLICY.replace(f'["{SHARE}"]', f'["{SHARE}", "/home/{OTHER}"]', 1)):
        plugin = ["/usr/local/bin/vm-nfs-plugin", f"nfs://{own}:disk.qcow2", f"/home/{OTHER}/x"]
        result = share.run(plugin, user=OTHER, check=False)
    assert result.returncode == 77
    assert f"backing file {OWN}/{IMAGE}" in result.stderr


def test_directory_that_root_may_not_search_holds_the_job_and_vm_universe_stays(finished: Finished) -> None:
    """libvirt looks at each file as root, before QEMU opens it."""
    node = finished.node
    node.run(["chmod", "700", f"{EXPORT}/{recipe.USER}"])
    try:
        cluster = pool.submit(node, "closed.sub", vm_job(f"{OWN}/{IMAGE}", "").replace("private.log", "closed.log"))
        ad = pool.wait_for_hold(node, cluster, 120)
    finally:
        node.run(["chmod", "711", f"{EXPORT}/{recipe.USER}"])
    node.run(["condor_rm", str(cluster)])
    assert f"the server gives root no right to search {OWN}, and libvirt, which runs as root" in ad["HoldReason"]
    assert f"run: chmod o+x {OWN}; the files in it may stay private" in ad["HoldReason"]
    assert pool.slot_ad(node)["HasVM"] is True
