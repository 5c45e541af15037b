"""--apply in a scriptlet without network, and without a running HTCondor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig.probes import master
from condor_kvm_stage.genconfig.startd import delegate
from condor_kvm_stage.messages import NOTICE, Message
from condor_kvm_stage.policy import model
from support.fake_node import OFFERED, FakeNode

# As `journalctl --output=json` has it, but for the many fields that are nothing to us
JOURNAL = [{"MESSAGE": "Pending: a restart.", "PRIORITY": "5"}, {"MESSAGE": OFFERED, "PRIORITY": "6"}]
SAID = [Message("Pending: a restart.", NOTICE), Message(OFFERED)]


def journal(node: FakeNode, status: int, condition: str = "yes") -> list[tuple[str, ...]]:
    """Give a node a systemd whose unit ends with a status. Returns the list of queries to the journal."""
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
        return Answer(0, "".join(json.dumps(entry) + "\n" for entry in JOURNAL))

    node.programs.update({"/usr/bin/systemctl": systemctl, "/usr/bin/journalctl": journalctl})
    return asked


def test_scriptlet_without_network_lets_the_unit_do_it_and_prints_what_it_says(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    assert not delegate.must_delegate(node)
    node.confine()
    assert delegate.must_delegate(node)
    asked = journal(node, 0)
    assert list(delegate.delegate(node, model.Policy())) == SAID
    (command,) = asked
    assert "_SYSTEMD_INVOCATION_ID=0123abcd" in command, "of this run, not of an earlier one"


def test_unit_that_fails_is_a_failure_after_what_it_said(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    journal(node, 1)
    lines = delegate.delegate(node, model.Policy())
    assert [next(lines), next(lines)] == SAID
    with pytest.raises(delegate.ApplyError, match=r"condor-kvm-stage\.service failed: see above; see journalctl -u"):
        next(lines)


def test_unit_that_is_switched_off_has_said_nothing_now(tmp_path: Path) -> None:
    """systemd's properties and the journal are those of an earlier run."""
    node = FakeNode(tmp_path)
    asked = journal(node, 0, condition="no")
    (line,) = delegate.delegate(node, model.Policy())
    assert "/etc/condor-kvm-stage/disabled" in line.text
    assert line.level == NOTICE
    assert asked == []


def test_unit_has_time_for_a_silent_share_and_for_htcondor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = FakeNode(tmp_path)
    site = model.Policy()
    site.staging.timeout, site.htcondor.wait = 300, 500
    given = []

    def run(*command: str, timeout: float = 20, **_: object) -> Answer:
        given.append((command[:2], timeout))
        return Answer(0)

    monkeypatch.setattr(node, "run", run)
    list(delegate.delegate(node, site))
    assert [timeout for command, timeout in given if command == ("systemctl", "restart")] > [800]


def test_user_who_may_not_see_the_namespaces_does_not_delegate(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    node.path("/proc/1/ns/net").unlink()
    assert not delegate.must_delegate(node)


def test_master_is_found_among_other_processes(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    node.put("/proc/5/comm", "bash\n")
    node.path("/proc/6").mkdir()  # it ends while somebody looks
    assert master.is_running(node)


def test_no_master_is_found_where_none_runs(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    node.put("/proc/77/comm", "condor_startd\n")
    node.path("/proc/8").mkdir()
    assert not master.is_running(node)
