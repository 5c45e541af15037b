"""Installed and removed again and again on one node: nothing stays, nothing grows, HTCondor is up.

A few times, because each takes some fifteen seconds; CYCLES=200 in the environment makes it 200 (`make cycles`).
"""

from __future__ import annotations

import os

import pytest

from e2e.conftest import KVM, TIMEOUT
from e2e.install.files import files_of
from e2e.install.worker import Worker
from testnode.node import Node
from testnode.recipe import PACKAGE
from testnode.run import progress

CYCLES = int(os.environ.get("CYCLES", "3"))
pytestmark = [pytest.mark.full, pytest.mark.timeout(TIMEOUT + CYCLES * 120)]

# Processes that live on: what they hold must not grow
DAEMONS = {"systemd": "1", "condor_master": "$(pgrep -x condor_master)"}


def held(node: Node) -> dict[str, int]:
    """Return what of the node's resources could leak: how many there are of each kind."""
    counts = {
        "units": "systemctl list-units --all --plain --no-legend | grep -v '[.]scope' | wc -l",
        "mounts": "wc -l < /proc/mounts",
        **{f"files that {name} has open": f"ls /proc/{pid}/fd | wc -l" for name, pid in DAEMONS.items()},
    }
    return {what: int(node.run(["sh", "-c", f"{command} || :"]).stdout) for what, command in counts.items()}


def processes_of_ours(node: Node) -> str:
    """The command lines of our programs that run.

    By where they are installed: dnf leaves a gpg-agent whose directory in /var/cache has the repository's name. The
    brackets keep the pattern from matching itself.
    """
    pattern = "/usr/[^ ]*([k]vm-stage|[v]m-nfs-plugin)"
    return node.run(["pgrep", "--full", "--list-full", pattern], check=False).stdout


def cycle(worker: Worker) -> None:
    worker.install()
    worker.wait_until_advertises(HasVM=KVM.usable)
    assert worker.dnf("remove", PACKAGE) == []
    worker.wait_until_as_before()


def test_cycles_of_installation_and_removal_leave_nothing_and_leak_nothing(unset: Worker) -> None:
    node = unset.node
    files = files_of(node)
    cycle(unset)  # what is made once and for all, as a daemon's log
    before = held(node)
    for number in range(2, CYCLES + 1):
        progress(f"cycle {number} of {CYCLES}")
        cycle(unset)
    # One that was just started, as by the startd's last look at its plug-ins, may still be ending
    node.wait_until(lambda: processes_of_ours(node) == "", "no program of ours runs any more", 30)
    assert held(node) == before
    assert files_of(node) - files == set()
    assert node.run("systemctl --failed --plain --no-legend").stdout == ""
    assert node.run("systemctl is-active condor").stdout == "active\n"
    assert node.run("rpm --verify --all --nomtime", check=False).stdout == ""
