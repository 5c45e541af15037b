"""What the node puts right by itself: each once, with a line in the journal, and counted; the policy can forbid it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.apply.test_orphans import DOMAIN, MARK, NOBODYS, VIRSH, running
from e2e.domain import scene
from e2e.gahp import worker as gahp
from e2e.health import worker as health
from testnode.node import Node

pytestmark = pytest.mark.guest

POLICY = health.POLICY.partition("[health]")[0]
LOGS = "/var/log/libvirt/qemu"


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with health.node(POLICY) as worker:
        yield worker


def wait_for_healed(node: Node, before: int, number: int = 1) -> None:
    node.wait_until(lambda: health.healed(node) == before + number, "it is counted", 60)


def log_of(node: Node, name: str) -> Path:
    return node.root / f"{LOGS}/{name}".lstrip("/")


@pytest.mark.full
def test_libvirt_whose_socket_does_not_listen_is_started(node: Node) -> None:
    before = health.healed(node)
    node.run(f"systemctl stop {gahp.LIBVIRT}", check=False)
    wait_for_healed(node, before)
    assert "Started libvirtd.socket, which was enabled and did not listen" in health.log(node)
    assert health.says(node) == ""
    node.run(f"systemctl start {gahp.LIBVIRT.partition(' ')[2]}")


@pytest.mark.full
def test_guest_facts_that_are_wrong_or_gone_are_written_anew(node: Node) -> None:
    place = node.root / health.FACTS.lstrip("/")
    true = json.loads(place.read_text(encoding="utf-8"))
    for wrong in (json.dumps({**true, "uefi": False}), "", json.dumps({**true, "networks": "none"})):
        before = health.healed(node)
        place.write_text(wrong, encoding="utf-8")
        wait_for_healed(node, before)
        assert json.loads(place.read_text(encoding="utf-8")) == true
    assert "uefi was False, is True" in health.log(node)


def test_what_jobs_have_left_is_removed_and_nothing_else(node: Node) -> None:
    before = health.healed(node)
    directory = f"{scene.EXECUTE}/dir_{NOBODYS}.condor-kvm-stage"
    node.run(["mkdir", "--mode=0711", directory])
    job = gahp.submit(node, "lives")
    gahp.wait_for_guest(node, job)
    for name, metadata in {"gone": MARK.format(starter=NOBODYS, started=1), "nobodys": ""}.items():
        (node.root / "root/domain.xml").write_text(DOMAIN.format(name=name, metadata=metadata), encoding="utf-8")
        node.run(f"{VIRSH} create /root/domain.xml")
    wait_for_healed(node, before, 2)
    assert running(node) == {"nobodys", gahp.domain(job)}
    assert not (node.root / directory.lstrip("/")).exists()
    log = health.log(node)
    assert "Destroyed the virtual machine gone (" in log
    assert f"Removed {directory}, left by a job that has ended" in log
    found = health.found(node)
    assert (found["VMs"], found["VMMemory"]) == ("1", "64")
    node.run(f"{VIRSH} destroy nobodys")
    gahp.remove(node, job)


@pytest.mark.full
def test_old_logs_of_jobs_guests_are_removed_and_no_others(node: Node) -> None:
    job = gahp.submit(node, "logged")
    gahp.wait_for_guest(node, job)
    gahp.remove(node, job)
    gahp.wait_for_quiet(node)
    (log,) = scene.logs(node, job)
    log_of(node, "copy.log").write_bytes(log.read_bytes())
    log_of(node, "web.log").write_text("a site's own guest\n", encoding="utf-8")
    for name in (log.name, "web.log"):
        node.run(["touch", "--date=8 days ago", f"{LOGS}/{name}"])
    before = health.healed(node)
    state = node.root / "run/condor-kvm-stage/health-state"
    text = json.loads(state.read_text(encoding="utf-8"))
    health.every(node, "1d")
    state.write_text(json.dumps({**text, "logs": 0}), encoding="utf-8")
    health.every(node, f"{health.PERIOD}s")
    wait_for_healed(node, before)
    assert not log.exists()
    assert log_of(node, "copy.log").exists(), "not old"
    assert log_of(node, "web.log").exists(), "not a job's"
