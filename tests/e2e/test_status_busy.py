"""condor-kvm-stage-status on a node with none and with 16 virtual machines, and where something is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e import status
from e2e.domain import scene
from e2e.gahp import worker as gahp
from testnode import pool, recipe, site
from testnode.node import Node
from testnode.recipe import Release

pytestmark = [pytest.mark.guest, pytest.mark.full, pytest.mark.timeout(1200)]

MANY = 16
METRICS = "/var/lib/node_exporter/textfile_collector/condor-kvm-stage.prom"
TIMER = "condor-kvm-stage-metrics.timer"


@pytest.fixture(scope="module", params=[Release.TESTING, Release.TRIXIE])
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    with gahp.node(request.param) as worker:
        yield worker


def scratch(node: Node, cluster: int) -> Path:
    """The scratch directory of a job, outside of the node."""
    places = [f"{scene.EXECUTE[1:]}/dir_*/{name}" for name in (".job.ad", "scratch/.job.ad")]
    ads = [path for place in places for path in node.root.glob(place)]
    return next(path.parent for path in ads if f"\nClusterId = {cluster}\n" in path.read_text())


def of(node: Node, cluster: int) -> status.Vm:
    return status.vms(node)[f"{cluster}.0"]


def test_empty_node_says_so(node: Node) -> None:
    assert node.run([status.PROGRAM]).stdout == "No job has a virtual machine on this node.\n"
    assert status.metrics(node)["vms"][frozenset({"running"})] == 0


def test_console_that_is_hostile_or_not_a_file_does_no_harm(node: Node) -> None:
    job = gahp.submit(node, "odd-console")
    gahp.wait_for_guest(node, job)
    inside = f"/{scratch(node, job).relative_to(node.root)}/console.log"

    def as_user(command: str) -> None:
        node.run(["sh", "-c", command], user=recipe.USER)

    as_user(f"printf '\\033[2J\\033]0;title\\007\\033[31mroot@worker:~# \\302\\2332J\\a\\n' >> {inside}")
    assert of(node, job)["console"] == "root@worker:~# \\x07"
    output = node.run([status.PROGRAM]).stdout
    assert "\x1b" not in output
    assert "\x9b" not in output
    for command in (f"mkfifo {inside}", f"ln -s /etc/shadow {inside}", f"mkdir {inside}", f"ln {inside}.x {inside}"):
        as_user(f"rm -rf {inside}; echo secret > {inside}.x; {command}")
        shown = of(node, job)["console"]
        assert shown == ("secret" if command.startswith("ln /") else None), command
    as_user(f"rm -f {inside} {inside}.x")
    gahp.remove(node, job)
    assert [entry["KVM_STAGE_EVENT"] for entry in status.events(node, f"{job}.0")] == ["staged", "started", "ended"]
    assert status.events(node, f"{job}.0")[-1]["KVM_STAGE_END"] == "stopped"


def test_sixteen_virtual_machines_are_shown(node: Node) -> None:
    many = [gahp.submit(node, f"many-{number}", gahp.LONG, "request_memory = 16") for number in range(MANY)]
    node.wait_until(lambda: len(status.vms(node)) == MANY, f"{MANY} virtual machines run", 180)
    assert len(status.metrics(node)["vm_info"]) == MANY
    node.run(["condor_rm", *map(str, many)])
    node.wait_until(lambda: not status.vms(node), "none is left", 120)


def test_libvirt_that_hangs_is_not_an_empty_node(node: Node) -> None:
    job = gahp.submit(node, "hangs")
    gahp.wait_for_guest(node, job)
    node.wait_until(lambda: of(node, job)["state"] == "running", "it has started", 30)
    node.run("pkill -STOP -x libvirtd")
    try:
        done = node.run([status.PROGRAM], check=False, timeout=40)
        metrics = status.metrics(node)
    finally:
        node.run("pkill -CONT -x libvirtd")
    assert (done.returncode, done.stdout) == (3, "")
    assert "libvirt did not answer" in done.stderr
    assert metrics["libvirt_up"] == {frozenset(): 0}
    assert "vms" not in metrics
    assert of(node, job)["state"] == "running"
    gahp.remove(node, job)


def test_timer_is_disabled_and_writes_the_metrics_when_it_is_enabled(node: Node) -> None:
    assert node.run(["systemctl", "is-enabled", TIMER], check=False).stdout == "disabled\n"
    path = node.root / METRICS.lstrip("/")
    path.parent.mkdir(parents=True)
    node.run(["systemctl", "enable", "--now", TIMER])
    try:
        node.wait_until(path.exists, "the timer's unit has written the metrics", 60)
    finally:
        node.run(["systemctl", "disable", "--now", TIMER])
    assert status.parsed(path.read_text())["libvirt_up"] == {frozenset(): 1}
    assert node.run(["systemctl", "is-failed", TIMER.replace("timer", "service")], check=False).returncode != 0


def test_guest_that_the_full_disk_has_paused_is_shown_as_that(node: Node) -> None:
    node.run(["mount", "-t", "tmpfs", "-o", "size=32m,mode=755,uid=condor,gid=condor", "tmpfs", scene.EXECUTE])
    with site.policy(node, '[guest]\nfull_disk = "wait"\n'):
        job = gahp.submit(node, "paused", gahp.WRITES)
        gahp.wait_for_guest(node, job)
        filled = f"{scene.EXECUTE}/filled"
        node.run(["dd", "if=/dev/zero", f"of={filled}", "bs=1M", "status=none"], check=False)
        node.wait_until(lambda: of(node, job)["state"] == "paused", "the guest is paused", 60)
        vm = of(node, job)
        assert vm["reason"] == "disk full"
        assert " paused: disk full " in node.run([status.PROGRAM]).stdout
        assert status.metrics(node)["vms"][frozenset({"disk_full"})] == 1
        node.run(["rm", filled])
        node.run(["virsh", "resume", vm["name"]])
        gahp.end(node, job, "paused")
    assert pool.slot_ad(node)["HasVM"] is True
