"""The test node itself: it never outlives the command that started it, however that ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from testnode import node, root
from testnode.recipe import Release

TEST_NODE = Path(__file__).parents[2] / "tools/test-node"
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
        try:
            process.wait(30)
        finally:  # a failure leaves no node, either
            process.kill()
            process.wait(30)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{leader}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{leader}").exists()
    assert str(root.CACHE / "mount-point") not in Path("/proc/mounts").read_text()


def test_root_that_one_has_built_and_holds_is_there_for_all_who_waited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[Release] = []

    def build(release: Release, path: Path) -> None:
        time.sleep(1)  # until all the others wait
        path.mkdir()
        built.append(release)

    monkeypatch.setattr(root, "CACHE", tmp_path)
    monkeypatch.setattr(root, "_build", build)
    all_have_it = threading.Barrier(4)

    def hold() -> None:
        with root.cached():
            all_have_it.wait(20)

    threads = [threading.Thread(target=hold, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not all_have_it.broken
    assert len(built) == 1


def test_nodes_do_not_share_their_control_groups() -> None:
    with node.running() as one, node.running() as other:
        groups = [Path(f"/proc/{each.leader}/cgroup").read_text(encoding="ascii") for each in (one, other)]
        assert groups[0] != groups[1]
