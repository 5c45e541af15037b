"""The test node itself: it never outlives the command that started it, however that ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from testnode import node, root

TEST_NODE = Path(__file__).parents[2] / "scripts/test-node"
STATE = Path("/run/condor-kvm-stage-test-node")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_node_ends_with_the_command_that_started_it(number: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, TEST_NODE, "start"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("The node is up")
        owner, leader = (int(word) for word in STATE.read_text().split())
        assert owner == process.pid
        assert Path(f"/proc/{leader}/comm").read_text() == "systemd\n"
    finally:
        process.send_signal(number)
        process.wait(30)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{leader}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{leader}").exists()
    assert str(root.CACHE / "mount-point") not in Path("/proc/mounts").read_text()


def test_nodes_do_not_share_their_control_groups() -> None:
    with node.running() as one, node.running() as other:
        groups = [Path(f"/proc/{each.leader}/cgroup").read_text(encoding="ascii") for each in (one, other)]
        assert groups[0] != groups[1]
