"""What `make verify-*` does with a target, done with the test node's root: podman, systemd, each step, the record."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testnode import node, tested_page
from testnode.run import run
from verification.steps import STEPS

pytestmark = [pytest.mark.full, pytest.mark.guest]

REPOSITORY = Path(__file__).parents[2]
CONTAINER = "condor-kvm-stage-verify-node"
# A machine whose limits are lower than what podman asks for, and on which no container needs a network
SETTINGS = """\
[engine]
cgroup_manager = "cgroupfs"
[containers]
netns = "none"
default_ulimits = ["nofile=4096:4096", "nproc=16384:16384"]
"""
# Also on a machine with control groups of version 1, as long as it has those of version 2, too
VERSION_2 = 'umount --recursive /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup; exec "$@"'


@contextmanager
def verification(scratch: Path, record: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the program."""
    (scratch / "containers.conf").write_text(SETTINGS, encoding="utf-8")
    path = os.pathsep.join(str(REPOSITORY / name) for name in ("src", "tools"))
    command = ["unshare", "--mount", "sh", "-c", VERSION_2, "sh"]
    command += [sys.executable, str(Path(__file__).with_name("verified_node.py")), str(record)]
    with subprocess.Popen(
        command,
        env={**os.environ, "CONTAINERS_CONF": str(scratch / "containers.conf"), "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def assert_verified(output: str, record: Path) -> None:
    """Assert that each step has passed that can, and that the page has them."""
    ends = [line.split()[0] for line in output.splitlines() if line.startswith(("pass ", "FAIL ", "skip "))]
    assert ends == ["skip" if step.title == "rpmlint" else "pass" for step in STEPS], output
    page = tested_page.page([record.read_text(encoding="utf-8")])
    assert "| step | `make verify-node`, 20" in page
    assert "\n| runs a virtual machine as a job | passed |\n" in page
    assert "\n| rpmlint | **skipped**: rpmlint cannot be installed: " in page
    for program in ("HTCondor 25.", "libvirt ", "QEMU ", "rpm ", "Python 3.", "SELinux "):
        assert program in page.splitlines()[-1]


def containers() -> str:
    """Return the names of podman's containers."""
    return run(["podman", "ps", "--all", "--format={{.Names}}"]).stdout


def test_each_step_passes_and_the_record_is_a_column_of_the_page(tmp_path: Path) -> None:
    record = tmp_path / "verify-node.xml"
    with verification(tmp_path, record) as process:
        output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    assert_verified(output, record)
    assert CONTAINER not in containers()


def test_steps_pass_on_a_machine_itself(tmp_path: Path) -> None:
    with node.running(binds={REPOSITORY: "/srv/repository", Path("/usr/bin/nasm"): "/usr/bin/nasm"}) as machine:
        path = "PYTHONPATH=/srv/repository/src:/srv/repository/tools"
        program = "/srv/repository/tests/e2e/verified_node.py"
        said = machine.run(
            ["env", path, "python3", "-B", program, "/root/record.xml", "here"], timeout=600, check=False
        )
        shutil.copy(machine.root / "root/record.xml", tmp_path)
    assert said.returncode == 0, said.stdout + said.stderr
    assert_verified(said.stdout, tmp_path / "record.xml")


def test_verification_that_is_ended_leaves_no_container(tmp_path: Path) -> None:
    with verification(tmp_path, tmp_path / "record.xml") as process:
        deadline = time.monotonic() + 60
        while CONTAINER not in containers():
            assert process.poll() is None, process.stdout.read() if process.stdout else ""
            assert time.monotonic() < deadline
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert CONTAINER not in containers()
