"""The generator's command line with --apply: what it does and prints, with and without a running HTCondor."""

from __future__ import annotations

import pytest

from condor_kvm_stage import installed
from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig import cli
from support.fake_node import NEXT, OFFERED, RESTARTED, UP_TO_DATE, FakeNode, job, slot


def test_apply_tells_the_running_htcondor(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--apply"], node) == 0
    assert capsys.readouterr().out == f"wrote {installed.SNIPPET}\n{OFFERED}\n{NEXT}\n"
    assert node.commands() == ["condor_reconfig"]
    assert cli.main(["--apply"], node) == 0
    assert capsys.readouterr().out == f"{UP_TO_DATE}{OFFERED}\n"


def test_apply_leaves_it_to_the_start_of_an_htcondor_that_does_not_run(
    node: FakeNode, capsys: pytest.CaptureFixture[str]
) -> None:
    node.path("/proc/77/comm").unlink()
    assert cli.main(["--apply"], node) == 0
    assert (
        capsys.readouterr().out
        == f"wrote {installed.SNIPPET}\nHTCondor is not running; it will use this when it starts.\n{NEXT}\n"
    )
    assert node.commands() == []


def test_scriptlet_without_network_leaves_all_to_the_unit(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    node.confine()
    node.programs["/usr/bin/systemctl"] = Answer(0, "yes\n")
    node.programs["/usr/bin/journalctl"] = Answer(0, '{"MESSAGE": "wrote it", "PRIORITY": "6"}\n')
    assert cli.main(["--apply"], node) == 0
    assert capsys.readouterr().out == "wrote it\n"
    assert node.commands() == ["systemctl restart condor-kvm-stage.service"]
    assert not node.path(installed.SNIPPET).exists()


def test_policy_is_read_before_the_unit_is_asked(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    node.confine()
    node.policy("[staging\n")
    assert cli.main(["--apply"], node) == 1
    assert "line 1" in capsys.readouterr().err
    assert node.commands() == []


def test_first_installation_reports_in_three_lines(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    """What the scriptlet prints: with --quiet. An upgrade has nothing to say."""
    node.pool = [[slot(HasVM=False)], [slot()]]
    assert cli.main(["--apply", "--quiet"], node) == 0
    assert capsys.readouterr().out.splitlines() == [OFFERED, RESTARTED, NEXT]
    assert cli.main(["--apply", "--quiet"], node) == 0
    assert capsys.readouterr().out == ""


def test_first_installation_before_htcondor_runs_says_so(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    node.path("/proc/77/comm").unlink()
    assert cli.main(["--apply", "--quiet"], node) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "HTCondor is not running; it will use this when it starts."
    assert second == NEXT


def test_apply_says_what_is_pending_and_succeeds(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    node.pool = [[slot(VM_Memory=512), job("slot1_1@worker")]]
    assert cli.main(["--apply"], node) == 0
    assert "VM_Memory is 512, and is to be 1024" in capsys.readouterr().out
