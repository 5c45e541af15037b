"""Installed and removed again and again on one node: nothing stays, nothing grows, HTCondor is up.

A few times, because each takes ten seconds; CYCLES=200 in the environment makes it two hundred (`make cycles`).
"""

from __future__ import annotations

import os

from condor_kvm_stage.genconfig import kvm
from condor_kvm_stage.genconfig.host import Host
from e2e.apply.worker import restarts_at_once
from e2e.install.files import files_of
from testnode import pool, stages
from testnode.node import Node
from testnode.run import progress
from testnode.stages import Bare

CYCLES = int(os.environ.get("CYCLES", "3"))
# Processes that live on: what they hold must not grow
DAEMONS = {"systemd": "1", "condor_master": "$(pgrep -x condor_master)"}


def held(node: Node) -> dict[str, int]:
    """Return what of the node's resources could leak: how many there are of each kind."""
    counts = {
        "units": "systemctl list-units --all --plain --no-legend | grep -v '[.]scope' | wc -l",
        "mounts": "wc -l < /proc/mounts",
        "processes of ours": "pgrep -f 'kvm-stage|vm-nfs-plugin' | wc -l",
        **{f"files that {name} has open": f"ls /proc/{pid}/fd | wc -l" for name, pid in DAEMONS.items()},
    }
    return {what: int(node.run(["sh", "-c", f"{command} || :"]).stdout) for what, command in counts.items()}


def cycle(bare: Bare, usable: bool) -> None:
    bare.node.run("dnf --assumeyes install condor-kvm-stage", timeout=120)
    stages.wait_for_vm_universe(bare.node, usable)
    bare.node.run("dnf --assumeyes remove condor-kvm-stage", timeout=120)

    def as_before() -> bool:
        slot = pool.slot_ad(bare.node)
        return pool.methods_in(slot) == bare.methods and not slot["HasVM"]

    bare.node.wait_until(as_before, "the slot advertises what it did before", 90)


def test_cycles_of_installation_and_removal_leave_nothing_and_leak_nothing(bare: Bare) -> None:
    node, usable = bare.node, kvm.probe(Host()).usable
    restarts_at_once(node)
    files = files_of(node)
    cycle(bare, usable)  # what is made once and for all, as a daemon's log
    before = held(node)
    for number in range(2, CYCLES + 1):
        progress(f"cycle {number} of {CYCLES}")
        cycle(bare, usable)
    assert held(node) == before
    assert files_of(node) - files == set()
    assert node.run("systemctl --failed --plain --no-legend").stdout == ""
    assert node.run("systemctl is-active condor").stdout == "active\n"
    assert node.run("rpm --verify --all --nomtime", check=False).stdout == ""
