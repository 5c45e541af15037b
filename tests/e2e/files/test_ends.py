"""virtiofsd ends with its guest, however that ends, and what a guest does to the disk ends with the job."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.domain import scene
from e2e.files import worker as files
from testnode import linux_guest, pool
from testnode.node import Node
from testnode.recipe import Release

pytestmark = [pytest.mark.guest, pytest.mark.full]

WAITS = "touch ready\nwhile :; do sleep 1; done\n"
# EXECUTE's size, and what fills it; then the guest writes again, which must work
SIZE = "300M"
FILLS = """\
dd if=/dev/zero of=full bs=1M 2> /dev/null && say full no || say full yes
say size $(($(stat -c %s full) >> 20))
echo more > more && sync && [ -s more ] && say more yes || say more no
rm full
echo x > after && say after yes
"""
# More files than virtiofsd can keep open, where the node sets its limit low; the guest can help itself
MANY = """\
mkdir many
seq 22000 | sed 's|^|many/|' | xargs touch
echo 2 > /proc/sys/vm/drop_caches
sleep 2
echo x > after && say after yes
say many "$(ls many | wc -l)"
"""
# A definition that libvirt refuses after virtiofsd has been started
BROKEN = "/srv/broken.sh"
_BREAK = """\
#!/bin/sh
definition=$(/usr/libexec/condor-kvm-stage/build-domain "$PPID" |
    sed 's|<devices>|<devices><emulator>/bin/false</emulator>|')
printf '%s\\n' "$definition"
"""


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with files.node(Release.TESTING) as worker:
        yield worker


def wait_for_end(node: Node) -> None:
    # HTCondor takes up to 75 s to remove a job that has just started
    node.wait_until(lambda: not files.servers(node), "virtiofsd has ended", 150)


@pytest.mark.parametrize("how", ["removed", "destroyed", "starter killed", "virtiofsd killed"])
def test_it_ends_with_the_job(node: Node, how: str) -> None:
    name = how.replace(" ", "-")
    cluster = files.submit(node, name, WAITS)
    place = files.wait_until_it_runs(node, cluster, 400)
    servers = files.servers(node)
    domain = f"alice_worker_{cluster}.0"
    if how == "destroyed":
        node.run(["virsh", "destroy", domain])
        pool.wait_for_end(node, f"{name}/job.log", 180)
    elif how == "starter killed":
        starter = place.removeprefix(f"{scene.EXECUTE}/dir_").partition("/")[0]
        node.run(["kill", "-KILL", starter])
    elif how == "virtiofsd killed":
        node.run(["kill", "-KILL", *map(str, servers)])
    if how != "destroyed":
        node.run(["condor_rm", str(cluster)])
    wait_for_end(node)

    def is_gone() -> bool:
        return node.run(["test", "-e", place], check=False).returncode != 0

    node.wait_until(is_gone, "the scratch directory is gone", 120)


def test_guest_that_does_not_start_leaves_no_virtiofsd(node: Node) -> None:
    script = node.root / BROKEN.lstrip("/")
    script.write_text(_BREAK, encoding="utf-8")
    script.chmod(0o755)
    config = (node.root / scene.CONFIG.lstrip("/")).read_text(encoding="utf-8")
    scene.configure(node, f"{config}LIBVIRT_XML_SCRIPT = {BROKEN}\n")
    try:
        cluster = files.submit(node, "broken", WAITS)
        held = pool.wait_for_hold(node, cluster, 240)
        assert "has not started" in held["HoldReason"]
        wait_for_end(node)
        node.run(["condor_rm", str(cluster)])
    finally:
        scene.configure(node, config)
    assert pool.slot_ad(node)["HasVM"] is True


def test_guest_that_fills_the_disk_gets_an_error_and_can_go_on(node: Node) -> None:
    node.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "tmpfs", scene.EXECUTE])
    node.run(["chown", "condor:condor", scene.EXECUTE])
    try:
        files.submit(node, "full", FILLS)
        events = pool.wait_for_end(node, "full/job.log", 400)
        said = linux_guest.said(files.console(node, "full"))
    finally:
        node.run(["umount", scene.EXECUTE])
    assert "Normal termination (return value 0)" in events
    assert (said["full"], said["more"], said["after"]) == (["yes"], ["no"], ["yes"])
    assert int(said["size"][0]) > 200
    assert (files.home(node, "full") / "after").read_text(encoding="utf-8") == "x\n"
    assert pool.slot_ad(node)["HasVM"] is True


def test_guest_that_has_too_many_files_can_go_on_when_it_forgets_some(node: Node) -> None:
    files.submit(node, "many", MANY)
    events = pool.wait_for_end(node, "many/job.log", 600)
    said = linux_guest.said(files.console(node, "many"))
    assert "Normal termination (return value 0)" in events
    assert said["after"] == ["yes"]
    assert int(said["many"][0]) > 10_000
    assert (files.home(node, "many") / "after").exists()
    assert pool.slot_ad(node)["HasVM"] is True
