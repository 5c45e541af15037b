"""--apply where HTCondor does not apply the snippet: the timeout, and the message."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage import installed
from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig.startd import delegate
from support.fake_node import POLICY, Clock, FakeNode, apply, slot

pytestmark = pytest.mark.usefixtures("clock", "policy_of_the_host")


def test_startd_that_does_not_come_back_is_waited_for_as_long_as_the_policy_says(tmp_path: Path, clock: Clock) -> None:
    node = FakeNode(tmp_path, [slot(HasVM=False)])
    with pytest.raises(delegate.ApplyError) as raised:
        apply(node)
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
    with pytest.raises(delegate.ApplyError, match=reason):
        apply(FakeNode(tmp_path, pool), POLICY.replace("wait = 60", "wait = 1"))
    assert clock.now < 2


def test_collector_that_does_not_answer_is_a_failure(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    node.programs["/usr/bin/condor_status"] = Answer(1, errors="Error: communication error\n")
    with pytest.raises(delegate.ApplyError, match="cannot query the collector: Error: communication error"):
        apply(node)


def test_broken_configuration_is_not_taken_for_a_node_without_a_startd(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    node.programs["/usr/bin/condor_config_val"] = Answer(1, errors="Configuration Error Line 3\n")
    with pytest.raises(delegate.ApplyError, match="Configuration Error Line 3"):
        apply(node)
    assert node.commands() == []


@pytest.mark.parametrize(
    ("program", "command"),
    [("condor_reconfig", "condor-kvm-stage-genconfig --apply again"), ("condor_restart", installed.RESTART)],
)
def test_htcondor_that_does_not_obey_is_a_failure_that_names_the_command(
    tmp_path: Path, program: str, command: str
) -> None:
    node = FakeNode(tmp_path, [slot(HasVM=False)])
    node.programs[f"/usr/sbin/{program}"] = Answer(1, errors="Can't connect to local master\n")
    with pytest.raises(delegate.ApplyError) as raised:
        apply(node)
    assert "Can't connect to local master" in str(raised.value)
    assert str(raised.value).endswith(f"run {command}")
