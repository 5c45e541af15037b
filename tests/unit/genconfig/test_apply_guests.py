"""--apply starts a guest as a job would, and says so if it does not start, before it says what HTCondor offers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig import configure
from condor_kvm_stage.genconfig.snippet import wanted
from condor_kvm_stage.installed import BUILD_DOMAIN
from condor_kvm_stage.messages import NOTICE, Message
from support.trial_node import REPORT, TrialNode

FAILED = json.dumps({"starts": [{"network": "nat", "fault": "no virbr0"}], "labels": [], "image": ""})
SAID = (
    "A virtual machine does not start here, as one of a job's would: with the network nat: no virbr0; see "
    "condor-kvm-stage-genconfig --check"
)


@pytest.fixture
def trial_node(tmp_path: Path, policy_of_the_host: None) -> TrialNode:
    node = TrialNode(tmp_path / "node", Answer(0, FAILED))
    node.path("/var/lib/condor/execute").mkdir(parents=True)
    return node


def applied(node: TrialNode, *, apply: bool = True) -> list[Message]:
    return list(configure.configure(node, wanted.policy_of(node), apply=apply))


def tried(node: TrialNode) -> bool:
    return any(command[0] == BUILD_DOMAIN for command in node.asked)


def test_guest_that_does_not_start_is_said_before_what_htcondor_offers(trial_node: TrialNode) -> None:
    texts = [message.text for message in applied(trial_node)]
    assert [message.level for message in applied(trial_node) if message.text == SAID] == [NOTICE]
    (offers,) = [index for index, text in enumerate(texts) if text.startswith("HTCondor advertises")]
    assert texts.index(SAID) < offers


@pytest.mark.parametrize("answer", [Answer(0, REPORT), Answer(0, "\n"), Answer(-1, fault="it did not end within 20 s")])
def test_what_is_not_known_to_fail_is_not_mentioned(trial_node: TrialNode, answer: Answer) -> None:
    trial_node.programs[BUILD_DOMAIN] = answer
    assert not any("does not start" in message.text for message in applied(trial_node))
    assert tried(trial_node)


def test_boot_does_not_wait_for_a_guest(trial_node: TrialNode) -> None:
    trial_node.path("/proc/77/comm").unlink()
    applied(trial_node)
    assert not tried(trial_node)


def test_file_that_is_only_written_needs_no_guest(trial_node: TrialNode) -> None:
    applied(trial_node, apply=False)
    assert not tried(trial_node)


def test_execute_that_the_unit_cannot_write_to_gets_no_guest(trial_node: TrialNode) -> None:
    trial_node.path("/var/lib/condor/execute").rmdir()
    applied(trial_node)
    assert not tried(trial_node)
