"""The machine itself: a node with a kernel of its own, which boots, runs commands, reboots, and ends with its test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from testnode import machine, recipe
from testnode.run import CommandError

pytestmark = [pytest.mark.full, pytest.mark.timeout(3600)]  # it boots twice


def test_machine_is_a_node_with_a_kernel_of_its_own_and_ends_with_its_context() -> None:
    with machine.running() as worker:
        kernel = worker.run("uname --kernel-release --kernel-version").stdout
        assert "-cloud-amd64" in kernel
        assert os.uname().release not in kernel
        assert worker.run(["sh", "-c", "id -un; pwd; exit 3"], user=recipe.USER, check=False).returncode == 3
        assert worker.run(["sh", "-c", "id -un; pwd"], user=recipe.USER).stdout == "alice\n/home/alice\n"
        assert worker.run(["printf", "%s\n", "a  b", "$HOME", "'"]).stdout == "a  b\n$HOME\n'\n"
        assert "crw-rw-rw-" in worker.run("ls -l /dev/kvm").stdout
        with pytest.raises(CommandError, match="timed out after 10 s"):
            worker.run("sleep 60", timeout=1)

        (worker.root / "var/tmp/kept").write_text("from outside", encoding="utf-8")
        before = worker.run("cat /proc/sys/kernel/random/boot_id").stdout
        worker.reboot()
        assert worker.run("cat /proc/sys/kernel/random/boot_id").stdout != before
        assert worker.run("cat /var/tmp/kept").stdout == "from outside"
        worker.run("sh -c 'echo from inside > /var/tmp/kept'")
        assert (worker.root / "var/tmp/kept").read_text(encoding="utf-8") == "from inside\n"
        leader, place = worker.leader, worker.root
        assert Path(f"/proc/{leader}/comm").read_text(encoding="utf-8").startswith("qemu-system")
    assert not Path(f"/proc/{leader}").exists()
    assert not place.exists()
