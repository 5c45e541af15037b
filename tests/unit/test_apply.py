"""--apply: when the startd is started again and when it is left alone, how long that waits, what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.nodes import OFFERED, POLICY, FakeNode, job, slot

from condor_kvm_stage import policy
from condor_kvm_stage.genconfig import apply, facts, snippet
from condor_kvm_stage.genconfig.host import Answer

RECONFIG = "condor_reconfig"


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(apply, "time", clock)
    monkeypatch.setattr(policy, "PATH", "/etc/condor-kvm-stage/config.toml")
    return clock


def take_up(node: FakeNode, text: str = POLICY) -> list[str]:
    """Let a node's HTCondor take up what a policy calls for. Returns the lines that are printed."""
    node.policy(text)
    site = policy.load(str(node.root))
    found = facts.collect(node)
    return list(apply.take_up(node, found.htcondor, site, snippet.decide(found, site)))


def restarting(how: str) -> str:
    return POLICY.replace("[htcondor]\n", f'[htcondor]\nrestart = "{how}"\n')


def test_startd_that_offers_all_is_not_started_again(tmp_path: Path) -> None:
    node = FakeNode(tmp_path, [slot()])
    assert take_up(node) == [OFFERED]
    assert node.commands() == [RECONFIG]


def test_new_plugin_is_waited_for_without_a_restart(tmp_path: Path, clock: Clock) -> None:
    old = slot(HasFileTransferPluginMethods="https")
    node = FakeNode(tmp_path, [old], [old], [old], [slot()])
    assert take_up(node) == [OFFERED]
    assert node.commands() == [RECONFIG]
    assert clock.now > 0


def test_idle_startd_is_started_again_and_waited_for(tmp_path: Path) -> None:
    before = slot(HasVM=False, VM_Memory=None)
    node = FakeNode(tmp_path, [before], [before], [], [slot(VM_Memory=512)], [slot()])
    lines = take_up(node)
    assert lines[0].startswith("The startd, which had no job, starts again")
    assert lines[1:] == [OFFERED]
    assert node.commands() == [RECONFIG, apply.RESTART]


def test_startd_lets_go_of_vm_universe_where_kvm_is_gone(tmp_path: Path) -> None:
    node = FakeNode(tmp_path, [slot()], [slot()], [slot(HasVM=False)])
    node.kvm = "ENOENT"
    assert take_up(node)[-1] == "HTCondor advertises for this node: HasVM = false, staging by nfs:// = true."
    assert node.commands() == [RECONFIG, apply.RESTART]


@pytest.mark.parametrize("how", ["idle", "never"])
def test_jobs_are_left_alone_and_what_is_pending_is_said(tmp_path: Path, how: str) -> None:
    busy = [slot(VM_Memory=512), job("slot1_1@worker"), job("slot1_2@worker")]
    node = FakeNode(tmp_path, busy)
    lines = take_up(node, restarting(how))
    assert lines[0] == "Pending until the startd starts again: VM_Memory is 512, and is to be 1024."
    assert "jobs run on it (slot1_1@worker, slot1_2@worker)" in lines[1]
    assert lines[1].endswith(": condor_restart -startd -peaceful")
    assert lines[-1].startswith("HTCondor advertises for this node: HasVM = true, VM_Memory = 512")
    assert node.commands() == [RECONFIG]


def test_job_that_gets_a_virtual_machine_is_a_job(tmp_path: Path) -> None:
    """Its memory is not missing from what the node offers: no restart, and nothing is pending."""
    node = FakeNode(tmp_path, [slot(VM_Memory=960, VM_AvailNum=3), {**job("slot1_1@worker"), "VM_Guest_Mem": 64}])
    assert len(take_up(node)) == 1
    assert node.commands() == [RECONFIG]


def test_nothing_is_started_again_where_the_policy_forbids_it(tmp_path: Path) -> None:
    node = FakeNode(tmp_path, [slot(HasVM=False)])
    lines = take_up(node, restarting("never"))
    assert "HasVM is false, and is to be true" in lines[0]
    assert "because the policy says so" in lines[1]
    assert lines[1].endswith(": condor_restart -startd -peaceful")
    assert node.commands() == [RECONFIG]


def test_policy_can_have_the_startd_start_again_after_its_jobs(tmp_path: Path, clock: Clock) -> None:
    node = FakeNode(tmp_path, [slot(VM_Memory=512), job("slot1_1@worker")])
    (line,) = take_up(node, restarting("peaceful"))
    assert "slot1_1@worker" in line
    assert "VM_Memory is 512, and is to be 1024" in line
    assert node.commands() == [RECONFIG, apply.RESTART]
    assert clock.now == 0, "jobs may take days: nobody waits for them"


def test_job_that_starts_at_the_same_moment_is_waited_for_by_the_restart_alone(tmp_path: Path, clock: Clock) -> None:
    idle = slot(VM_Memory=512)
    node = FakeNode(tmp_path, [idle], [idle], [idle, job("slot1_1@worker")])
    lines = take_up(node)
    assert lines[0].startswith("The startd, which had no job, starts again")
    assert "when its jobs (slot1_1@worker) have finished; then: VM_Memory is 512" in lines[1]
    assert len(lines) == 2
    assert clock.now < 5


def test_job_that_comes_to_the_new_startd_does_not_hide_what_that_offers(tmp_path: Path) -> None:
    idle = slot(VM_Memory=512)
    node = FakeNode(tmp_path, [idle], [idle], [slot(), job("slot1_1@worker")])
    assert take_up(node)[1:] == [OFFERED]


def test_startd_that_does_not_come_back_is_waited_for_as_long_as_the_policy_says(tmp_path: Path, clock: Clock) -> None:
    node = FakeNode(tmp_path, [slot(HasVM=False)])
    with pytest.raises(apply.ApplyError) as raised:
        take_up(node)
    assert "HasVM is false, and is to be true" in str(raised.value)
    assert "condor-kvm-stage-genconfig --check" in str(raised.value)
    assert 60 <= clock.now < 62


@pytest.mark.parametrize(
    ("pool", "reason"),
    [
        ([], "the collector has no slot of worker"),
        ([slot(HasFileTransferPluginMethods="https")], "nfs is not among the transfer methods"),
    ],
)
def test_what_the_pool_does_not_show_is_a_failure(
    tmp_path: Path, pool: list[dict[str, object]], reason: str, clock: Clock
) -> None:
    with pytest.raises(apply.ApplyError, match=reason):
        take_up(FakeNode(tmp_path, pool), POLICY.replace("wait = 60", "wait = 1"))
    assert clock.now < 2


def test_collector_that_does_not_answer_is_a_failure(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    node.programs["/usr/bin/condor_status"] = Answer(1, errors="Error: communication error\n")
    with pytest.raises(apply.ApplyError, match="the collector cannot be asked: Error: communication error"):
        take_up(node)


def test_node_without_a_startd_is_left_alone(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    node.programs["/usr/bin/condor_config_val"] = Answer(0, "DAEMON_LIST = MASTER, SCHEDD\n # at: /etc/x, line 1\n")
    (line,) = take_up(node)
    assert "no STARTD" in line
    assert node.commands() == []


def test_broken_configuration_is_not_taken_for_a_node_without_a_startd(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    node.programs["/usr/bin/condor_config_val"] = Answer(1, errors="Configuration Error Line 3\n")
    with pytest.raises(apply.ApplyError, match="Configuration Error Line 3"):
        take_up(node)
    assert node.commands() == []


@pytest.mark.parametrize(
    ("program", "command"), [("condor_reconfig", "condor_reconfig"), ("condor_restart", apply.RESTART)]
)
def test_htcondor_that_does_not_obey_is_a_failure_that_names_the_command(
    tmp_path: Path, program: str, command: str
) -> None:
    node = FakeNode(tmp_path, [slot(HasVM=False)])
    node.programs[f"/usr/sbin/{program}"] = Answer(1, errors="Can't connect to local master\n")
    with pytest.raises(apply.ApplyError) as raised:
        take_up(node)
    assert "Can't connect to local master" in str(raised.value)
    assert str(raised.value).endswith(f"run {command}")


def journal(node: FakeNode, status: int, condition: str = "yes") -> list[tuple[str, ...]]:
    """Give a node a systemd whose unit ends with a status. Returns the list of what the journal is asked for."""
    asked = []

    def systemctl(command: tuple[str, ...]) -> Answer:
        if "--property=ConditionResult" in command:
            return Answer(0, f"{condition}\n")
        if "--property=InvocationID" in command:
            return Answer(0, "0123abcd\n")
        assert command == ("systemctl", "restart", "condor-kvm-stage.service")
        return Answer(status, errors="Job for condor-kvm-stage.service failed.\n" if status else "")

    def journalctl(command: tuple[str, ...]) -> Answer:
        if "--sync" in command:
            return Answer(0)
        asked.append(command)
        return Answer(0, f"wrote it\n{OFFERED}\n")

    node.programs.update({"/usr/bin/systemctl": systemctl, "/usr/bin/journalctl": journalctl})
    return asked


def test_scriptlet_without_network_lets_the_unit_do_it_and_prints_what_it_says(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    assert not apply.must_delegate(node)
    node.confine()
    assert apply.must_delegate(node)
    asked = journal(node, 0)
    assert list(apply.delegate(node, policy.Policy())) == ["wrote it", OFFERED]
    (command,) = asked
    assert "_SYSTEMD_INVOCATION_ID=0123abcd" in command, "of this run, not of an earlier one"


def test_unit_that_fails_is_a_failure_after_what_it_said(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    journal(node, 1)
    lines = apply.delegate(node, policy.Policy())
    assert [next(lines), next(lines)] == ["wrote it", OFFERED]
    with pytest.raises(apply.ApplyError, match=r"condor-kvm-stage\.service failed.*journalctl -u"):
        next(lines)


def test_unit_that_is_switched_off_has_said_nothing_now(tmp_path: Path) -> None:
    """What systemd knows of it, and the journal, are of an earlier run."""
    node = FakeNode(tmp_path)
    asked = journal(node, 0, condition="no")
    (line,) = apply.delegate(node, policy.Policy())
    assert "/etc/condor-kvm-stage/disabled" in line
    assert asked == []


def test_unit_has_time_for_a_silent_share_and_for_htcondor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = FakeNode(tmp_path)
    site = policy.Policy()
    site.staging.timeout, site.htcondor.wait = 300, 500
    given = []

    def run(*command: str, timeout: float = 5, **_: object) -> Answer:
        given.append((command[:2], timeout))
        return Answer(0)

    monkeypatch.setattr(node, "run", run)
    list(apply.delegate(node, site))
    assert [timeout for command, timeout in given if command == ("systemctl", "restart")] > [800]


def test_user_who_may_not_see_the_namespaces_does_not_delegate(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    node.path("/proc/1/ns/net").unlink()
    assert not apply.must_delegate(node)


def test_master_is_found_among_other_processes(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    node.put("/proc/5/comm", "bash\n")
    node.path("/proc/6").mkdir()  # it ends while somebody looks
    assert apply.is_running(node)


def test_no_master_is_found_where_none_runs(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    node.put("/proc/77/comm", "condor_startd\n")
    node.path("/proc/8").mkdir()
    assert not apply.is_running(node)
