"""What the generator says: for people, for the journal with levels, and to an administrator only what matters."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from condor_kvm_stage import installed, messages
from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig import cli
from condor_kvm_stage.messages import ERROR, NOTICE, Message
from support.fake_node import OFFERED, POLICY, FakeNode, job, notices, restarting, slot


def written(path: Path, line: Message) -> str:
    with open(path, "w", encoding="utf-8") as file:
        messages.write(line, file)
    return path.read_text(encoding="utf-8")


def test_journal_gets_levels_and_nobody_else_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "stdout"
    path.touch()
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    assert written(path, Message("done")) == "done\n"
    status = path.stat()
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    assert written(path, Message("done")) == "<6>done\n"
    assert written(path, Message("look at this", NOTICE)) == "<5>look at this\n"
    assert written(path, Message("failed", ERROR)) == "<3>failed\n"
    # redirected: the variable is that of the service, the file is another
    assert written(tmp_path / "other", Message("done")) == "done\n"


def test_stream_that_is_no_file_gets_no_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    stream = io.StringIO()
    messages.write(Message("done"), stream)
    assert stream.getvalue() == "done\n"


def test_line_cannot_pretend_to_be_two(tmp_path: Path) -> None:
    assert written(tmp_path / "stdout", Message("a\n<3>b")) == "a\\n<3>b\n"


def everything(node: FakeNode) -> set[str]:
    return {os.path.join(place, name) for place, _, names in os.walk(node.root) for name in [*names, "."]} - {
        f"{node.root}/run/."
    }


def upgrade(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    """Let this not be the first installation, which has more to say."""
    cli.main(["--write"], node)
    capsys.readouterr()


def test_quiet_apply_is_silent_where_there_is_nothing_to_do(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    upgrade(node, capsys)
    assert cli.main(["--apply", "--quiet"], node) == 0
    assert capsys.readouterr().out == ""
    assert cli.main(["--apply"], node) == 0
    assert OFFERED in capsys.readouterr().out


def test_quiet_apply_says_what_is_left_to_do(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    upgrade(node, capsys)
    node.pool = [[slot(VM_Memory=512), job("slot1_1@worker")]]
    assert cli.main(["--apply", "--quiet"], node) == 0
    pending, why, _ = capsys.readouterr().out.splitlines()
    assert pending.startswith("Pending until the startd restarts: VM_Memory is 512")
    assert "condor_restart -startd -peaceful" in why


def test_quiet_apply_says_why_there_is_no_vm_universe(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    upgrade(node, capsys)
    node.kvm = "ENOENT"
    node.pool = [[slot(HasVM=False)]]
    assert cli.main(["--apply", "--quiet"], node) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("No VM universe on this node: cannot open /dev/kvm")


def test_quiet_scriptlet_passes_on_what_the_unit_says_to_an_administrator(
    node: FakeNode, capsys: pytest.CaptureFixture[str]
) -> None:
    node.confine()
    entries = '{"MESSAGE": "wrote it", "PRIORITY": "6"}\n{"MESSAGE": "Pending: x", "PRIORITY": "5"}\n'
    node.programs["/usr/bin/systemctl"] = Answer(0, "yes\n")
    node.programs["/usr/bin/journalctl"] = Answer(0, entries)
    assert cli.main(["--apply", "--quiet"], node) == 0
    assert capsys.readouterr().out == "Pending: x\n"


def test_quiet_apply_says_where_an_edited_snippet_is(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    node.put(installed.SNIPPET, "MY_OWN = 1\n")
    assert cli.main(["--apply", "--quiet"], node) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{installed.SNIPPET} has been edited, and is replaced; kept as /etc/condor-kvm-stage/")


def test_administrator_is_told_of_what_stays_as_it_is_and_not_of_what_comes_by_itself(node: FakeNode) -> None:
    assert notices(node) == []
    node.pool = [[slot(VM_Memory=512), job("slot1_1@worker")]]
    assert len(notices(node)) == 3
    node.pool = [[slot(VM_Memory=512), job("slot1_1@worker")]]
    assert notices(node, restarting("peaceful")) == []
    node.programs["/usr/bin/condor_config_val"] = Answer(0, "DAEMON_LIST = MASTER, SCHEDD\n # at: <Default>\n")
    assert notices(node) == ["HTCondor's DAEMON_LIST has no STARTD on this node: nothing to reconfigure"]


def test_failure_is_an_error_in_the_journal(
    node: FakeNode, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    node.policy("[staging\n")
    assert cli.main(["--apply"], node) == 1
    assert capfd.readouterr().err.startswith("<3>condor-kvm-stage-genconfig: ")


def test_quiet_apply_names_directories_that_are_not_there(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    upgrade(node, capsys)
    node.policy(POLICY + '[staging]\nimage_dirs = ["/none/images", "/"]\n')
    assert cli.main(["--apply", "--quiet"], node) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line == "Image directories of the policy that do not exist or do not answer: /none/images"


def test_broken_policy_has_a_next_step_where_it_was_to_be_applied(
    node: FakeNode, capsys: pytest.CaptureFixture[str]
) -> None:
    node.policy("[staging\n")
    assert cli.main(["--apply"], node) == 1
    assert capsys.readouterr().err.endswith("; then run condor-kvm-stage-genconfig --apply\n")


def test_remove_takes_back_what_apply_left(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything(node)
    cli.main(["--apply"], node)
    assert everything(node) != before
    capsys.readouterr()
    assert cli.main(["--remove"], node) == 0
    assert capsys.readouterr().out == f"removed {installed.SNIPPET}\n"
    assert everything(node) == before
    assert node.commands() == ["condor_reconfig"], "of --apply"


def test_remove_needs_no_policy(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["--apply"], node)
    node.policy("[staging\n")
    assert cli.main(["--remove", "--quiet"], node) == 0
    assert not node.path(installed.SNIPPET).exists()


def test_quiet_remove_says_where_an_edited_snippet_is(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    node.put(installed.SNIPPET, "MY_OWN = 1\n")
    assert cli.main(["--remove", "--quiet"], node) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{installed.SNIPPET} has been edited; kept as /etc/condor-kvm-stage/")
