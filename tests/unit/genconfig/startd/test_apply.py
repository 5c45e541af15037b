"""--apply: when it restarts the startd and when not, how long it waits, and its messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage import installed
from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig.startd import delegate
from condor_kvm_stage.genconfig.startd.delegate import ApplyError
from support.fake_node import OFFERED, RECONFIG, RECONFIGURED, RESTARTED, Clock, FakeNode, apply, job, restarting, slot

pytestmark = pytest.mark.usefixtures("clock", "policy_of_the_host")


def test_startd_that_offers_all_is_not_started_again(tmp_path: Path) -> None:
    node = FakeNode(tmp_path, [slot()])
    assert apply(node) == [OFFERED]
    assert node.commands() == [RECONFIG]


def test_new_plugin_is_waited_for_without_a_restart(tmp_path: Path, clock: Clock) -> None:
    old = slot(HasFileTransferPluginMethods="https")
    node = FakeNode(tmp_path, [old], [old], [old], [slot()])
    assert apply(node) == [OFFERED]
    assert node.commands() == [RECONFIG]
    assert clock.now > 0


def test_what_the_pool_knew_before_the_startd_reread_its_configuration_does_not_count(
    tmp_path: Path, clock: Clock
) -> None:
    before = slot(DaemonLastReconfigTime=RECONFIGURED - 1)
    node = FakeNode(tmp_path, [before], [before], [slot()])
    assert apply(node) == [OFFERED]
    assert clock.now == 1.0
    node = FakeNode(tmp_path / "never", [before])
    with pytest.raises(delegate.ApplyError, match="the startd has not reloaded its configuration"):
        apply(node)


def test_idle_startd_is_started_again_and_waited_for(tmp_path: Path) -> None:
    before = slot(HasVM=False, VM_Memory=None)
    node = FakeNode(tmp_path, [before], [before], [], [slot(VM_Memory=512)], [slot()])
    lines = apply(node)
    assert lines[0].startswith("Restarting the startd, which has no job")
    assert lines[1:] == [OFFERED, RESTARTED]
    assert node.commands() == [RECONFIG, installed.RESTART]


def test_startd_lets_go_of_vm_universe_where_kvm_is_gone(tmp_path: Path) -> None:
    node = FakeNode(tmp_path, [slot()], [slot()], [slot(HasVM=False)])
    node.kvm = "ENOENT"
    assert apply(node)[-2] == "HTCondor advertises for this node: HasVM = false, staging by nfs:// = true."
    assert node.commands() == [RECONFIG, installed.RESTART]


@pytest.mark.parametrize("how", ["idle", "never"])
def test_jobs_are_left_alone_and_what_is_pending_is_said(tmp_path: Path, how: str) -> None:
    busy = [slot(VM_Memory=512), job("slot1_1@worker"), job("slot1_2@worker")]
    node = FakeNode(tmp_path, busy)
    lines = apply(node, restarting(how))
    assert lines[0] == "Pending until the startd restarts: VM_Memory is 512, and is to be 1024."
    assert "jobs run on it (slot1_1@worker, slot1_2@worker)" in lines[1]
    assert lines[1].endswith(": condor_restart -startd -peaceful")
    assert lines[-1].startswith("HTCondor advertises for this node: HasVM = true, VM_Memory = 512")
    assert node.commands() == [RECONFIG]


def test_job_that_gets_a_virtual_machine_is_a_job(tmp_path: Path) -> None:
    """Its memory counts as offered: no restart, and nothing is pending."""
    node = FakeNode(tmp_path, [slot(VM_Memory=960, VM_AvailNum=3), {**job("slot1_1@worker"), "VM_Guest_Mem": 64}])
    assert len(apply(node)) == 1
    assert node.commands() == [RECONFIG]


def test_nothing_is_started_again_where_the_policy_forbids_it(tmp_path: Path) -> None:
    node = FakeNode(tmp_path, [slot(HasVM=False)])
    lines = apply(node, restarting("never"))
    assert "HasVM is false, and is to be true" in lines[0]
    assert "because the policy says so" in lines[1]
    assert lines[1].endswith(": condor_restart -startd -peaceful")
    assert node.commands() == [RECONFIG]


def test_policy_can_have_the_startd_start_again_after_its_jobs(tmp_path: Path, clock: Clock) -> None:
    node = FakeNode(tmp_path, [slot(VM_Memory=512), job("slot1_1@worker")])
    (line,) = apply(node, restarting("peaceful"))
    assert "slot1_1@worker" in line
    assert "VM_Memory is 512, and is to be 1024" in line
    assert node.commands() == [RECONFIG, installed.RESTART]
    assert clock.now == 0, "jobs may take days: nobody waits for them"


def test_job_that_starts_at_the_same_moment_is_waited_for_by_the_restart_alone(tmp_path: Path, clock: Clock) -> None:
    idle = slot(VM_Memory=512)
    node = FakeNode(tmp_path, [idle], [idle], [idle, job("slot1_1@worker")])
    lines = apply(node)
    assert lines[0].startswith("Restarting the startd, which has no job")
    assert "when its jobs (slot1_1@worker) have finished. Pending: VM_Memory is 512" in lines[1]
    assert len(lines) == 2
    assert clock.now < 5


def test_job_that_comes_to_the_new_startd_does_not_hide_what_that_offers(tmp_path: Path) -> None:
    idle = slot(VM_Memory=512)
    node = FakeNode(tmp_path, [idle], [idle], [slot(), job("slot1_1@worker")])
    assert apply(node)[1:] == [OFFERED, RESTARTED]


def test_node_without_a_startd_is_left_alone(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    node.programs["/usr/bin/condor_config_val"] = Answer(0, "DAEMON_LIST = MASTER, SCHEDD\n # at: /etc/x, line 1\n")
    (line,) = apply(node)
    assert "no STARTD" in line
    assert node.commands() == []


def test_node_that_somebody_drained_stays_so(tmp_path: Path) -> None:
    """A restarted startd accepts jobs again."""
    node = FakeNode(tmp_path, [slot(VM_Memory=512, State="Drained")])
    for how in ("idle", "peaceful"):
        lines = apply(node, restarting(how))
        assert lines[0] == "Pending until the startd restarts: VM_Memory is 512, and is to be 1024."
        assert "it is drained or waits for its jobs (slot1@worker)" in lines[1]
    assert installed.RESTART not in node.commands()


def test_startd_is_not_restarted_again_for_what_a_restart_did_not_change(tmp_path: Path, clock: Clock) -> None:
    node = FakeNode(tmp_path, [slot(VM_Memory=512)])
    with pytest.raises(ApplyError, match="VM_Memory is 512"):
        apply(node)
    assert node.commands().count(installed.RESTART) == 1
    clock.now = 0  # of which the slot's DaemonLastReconfigTime is
    lines = apply(node)
    assert "a restart did not change this before" in lines[1]
    assert node.commands().count(installed.RESTART) == 1


def test_restart_that_helped_is_not_remembered(tmp_path: Path, clock: Clock) -> None:
    wrong, right = slot(VM_Memory=512), slot()
    node = FakeNode(tmp_path, [wrong], [right], [right], [wrong], [right])
    apply(node)
    assert not node.exists(installed.ATTEMPT)
    apply(node)
    assert node.commands().count(installed.RESTART) == 2


def test_job_that_is_ending_does_not_cost_a_restart(tmp_path: Path, clock: Clock) -> None:
    ending = {**job("slot1_1@worker"), "State": "Preempting", "VM_Guest_Mem": 64}
    node = FakeNode(tmp_path, [slot(), ending], [slot(), ending], [slot()])
    assert apply(node) == [OFFERED]
    assert installed.RESTART not in node.commands()


def test_slots_of_jobs_that_are_gone_are_no_reason_to_restart_or_to_wait(tmp_path: Path) -> None:
    gone = {**job("slot1_5@worker"), "VM_Guest_Mem": 64}
    node = FakeNode(tmp_path, [slot(ChildName=[]), gone])
    assert apply(node) == [OFFERED]
    assert node.commands() == [RECONFIG]
