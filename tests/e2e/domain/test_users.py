"""QEMU runs as whoever the job runs as: its owner with all groups, a slot's user, or nobody; and in libvirt's group."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.domain import scene
from testnode import guest, jobs, pool, recipe, site
from testnode.node import Node
from testnode.recipe import Release

pytestmark = pytest.mark.guest

GROUP, SLOT_USER = "project", "slotuser"
PRIVATE = "/srv/project/base.raw"  # open to the group alone
IDLE = "/srv/images/idle.raw"
_SLOT_USERS = "".join(f"SLOT1_{number}_USER = {SLOT_USER}\n" for number in range(1, 17))


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with scene.busy_node(Release.TESTING) as worker:
        worker.run(["groupadd", GROUP])
        worker.run(["usermod", "--append", "--groups", GROUP, recipe.USER])
        worker.run(["useradd", "--no-create-home", SLOT_USER])
        worker.run(["mkdir", "--mode=750", str(Path(PRIVATE).parent)])
        for path in (PRIVATE, IDLE):
            guest.write_idle(worker.root / path.lstrip("/"))
        worker.run(["chmod", "640", PRIVATE])
        worker.run(["chown", "--recursive", f"root:{GROUP}", str(Path(PRIVATE).parent)])
        worker.run("systemctl restart condor")  # it has read the list of groups
        pool.wait_for_slot(worker)
        yield worker


def qemu_of(node: Node, name: str, image: str) -> dict[str, list[str]]:
    """Run a job with a disk on an image. Returns what /proc says of its QEMU: the fields of its status."""
    cluster, process = scene.start_guest(node, name, image)
    status = node.run(["cat", f"/proc/{process}/status"]).stdout
    node.run(["condor_rm", str(cluster)])
    return {key: words.split() for key, _, words in (line.partition(":\t") for line in status.splitlines())}


def ids(node: Node, user: str) -> tuple[str, set[str]]:
    """Return a user's id and groups."""
    uid, groups = (node.run(["id", option, user]).stdout for option in ("-u", "-G"))
    return uid.strip(), set(groups.split())


def of_libvirt(node: Node) -> str:
    """Return the id of libvirt's group for QEMU."""
    return node.run("stat --format=%g /var/lib/libvirt/qemu").stdout.strip()


def test_image_that_only_a_group_of_the_owner_may_read_is_a_base_for_him(node: Node) -> None:
    uid, groups = ids(node, recipe.USER)
    found = qemu_of(node, "group", PRIVATE)
    assert (found["Uid"], found["Gid"]) == ([uid] * 4, [of_libvirt(node)] * 4)
    assert set(found["Groups"]) == {*groups, of_libvirt(node)}
    assert len(groups) > 1
    assert found["CapEff"] == ["0000000000000000"]


@pytest.mark.parametrize(
    ("user", "settings"),
    [
        ("nobody", "STARTER_ALLOW_RUNAS_OWNER = False\n"),
        (SLOT_USER, f"STARTER_ALLOW_RUNAS_OWNER = False\n{_SLOT_USERS}"),
    ],
)
def test_guest_of_a_job_that_does_not_run_as_its_owner_has_the_same_user_as_the_job(
    node: Node, user: str, settings: str
) -> None:
    before = (node.root / scene.CONFIG.lstrip("/")).read_text(encoding="utf-8")
    scene.configure(node, before + settings)
    try:
        node.run("condor_reconfig")
        found = qemu_of(node, user, IDLE)
    finally:
        scene.configure(node, before)
        node.run("condor_reconfig")
    uid, groups = ids(node, user)
    assert (found["Uid"], found["Gid"]) == ([uid] * 4, [of_libvirt(node)] * 4)
    assert set(found["Groups"]) == {*groups, of_libvirt(node)}


def test_image_that_the_jobs_user_may_not_read_is_refused_in_words(node: Node) -> None:
    node.run(["chmod", "600", PRIVATE])
    try:
        ad = pool.run_to_hold(node, "closed", jobs.VM_JOB.replace(jobs.BASE, PRIVATE))
    finally:
        node.run(["chmod", "640", PRIVATE])
    assert f"image {PRIVATE} is not readable for the job's user" in ad["HoldReason"]


def test_screen_and_agents_channel_work_for_a_qemu_of_the_jobs_user(node: Node) -> None:
    with site.policy(node, "[guest]\nvnc = true\n"):
        cluster, _ = scene.start_guest(node, "screen", IDLE, "vm_vnc = True")
    name = f"{recipe.USER}_{recipe.HOSTNAME}_{cluster}.0"
    port = 5900 + int(node.run(["virsh", "vncdisplay", name]).stdout.partition(":")[2])
    greeting = node.run(["bash", "-c", f"exec 3<> /dev/tcp/127.0.0.1/{port}; head --bytes=4 <&3"], timeout=20).stdout
    asked = node.run(["virsh", "qemu-agent-command", name, '{"execute": "guest-ping"}'], check=False)
    node.run(["condor_rm", str(cluster)])
    assert greeting == "RFB "
    assert "guest agent is not connected" in asked.stderr  # there is a channel, and no agent in this guest
