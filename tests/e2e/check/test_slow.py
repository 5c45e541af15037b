"""--check and HTCondor's start on a node that is throttled to a tenth of a processor: slow, but not broken."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.check.verdicts import CHECK
from testnode import pool
from testnode.node import Node

CONTROLLER = Path("/sys/fs/cgroup/cpu")  # version 1, beside the version 2 of the nodes
PERIOD = 100_000  # microseconds


@contextlib.contextmanager
def throttled(worker: Node) -> Iterator[None]:
    """Give all processes of a node, and those that they start, a tenth of a processor."""
    if not (CONTROLLER / "cpu.cfs_quota_us").exists() and not (CONTROLLER / "cgroup.procs").exists():
        pytest.skip("this machine has no controller cpu, version 1")
    group = CONTROLLER / f"condor-kvm-stage-slow-{os.getpid()}"
    group.mkdir()
    (group / "cpu.cfs_period_us").write_text(str(PERIOD))
    (group / "cpu.cfs_quota_us").write_text(str(PERIOD // 10))
    try:
        move(worker, group)
        yield
        periods = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
        assert int(periods["nr_throttled"]) > 10, "the node was slow"
        print(f"throttled: {int(periods['throttled_time']) / 1e9:.1f} s")
    finally:
        move(worker, CONTROLLER)
        with contextlib.suppress(OSError):
            group.rmdir()


def move(worker: Node, group: Path) -> None:
    namespace = os.readlink(f"/proc/{worker.leader}/ns/pid")
    for _ in range(3):  # those that are started meanwhile
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended
                if os.readlink(process / "ns/pid") == namespace:
                    (group / "cgroup.procs").write_text(process.name)


def by_systemd(worker: Node, command: str, timeout: float = 120) -> str:
    """Let the node's systemd run a command, so that it is throttled, too."""
    return worker.run(f"systemd-run --quiet --pipe --wait {command}", timeout=timeout, check=False).stdout


@pytest.mark.guest
def test_node_at_a_tenth_is_not_said_to_be_broken(own: Node) -> None:
    with throttled(own):
        document = json.loads(by_systemd(own, f"{CHECK} --json"))
    assert [check for check in document["checks"] if check["level"] == "fail"] == []


@pytest.mark.guest
def test_htcondor_that_starts_at_a_tenth_has_vm_universe_without_help(own: Node) -> None:
    """libvirt's daemon is cold, and HTCondor gives its own test five seconds."""
    own.run("systemctl stop condor libvirtd.service", timeout=90)
    try:
        with throttled(own):
            own.run("systemctl start condor --no-block")
            own.wait_until(lambda: pool.slot_ad(own).get("HasVM") is True, "the throttled node offers VM universe", 300)
    finally:
        own.run("systemctl start condor", timeout=240)
