"""The generator's command line: what it writes, what it only shows, and that it says so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from unit.nodes import POLICY, UP_TO_DATE, FakeNode, files

from condor_kvm_stage import state
from condor_kvm_stage.genconfig import cli, snippet


def there(node: FakeNode) -> str:
    return node.path(snippet.PATH).read_text(encoding="utf-8")


def test_snippet_is_written_once_and_htcondor_is_not_told(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([], node) == 0
    output = capsys.readouterr().out
    assert output.startswith(f"wrote {snippet.PATH}\n")
    assert output.endswith("HTCondor has not been told: condor-kvm-stage-genconfig --apply does that\n")
    assert "VM_MEMORY = 1024\n" in there(node)
    assert node.commands() == []
    before = os.stat(node.path(snippet.PATH))
    assert cli.main([], node) == 0
    assert capsys.readouterr().out.startswith(UP_TO_DATE)
    assert os.stat(node.path(snippet.PATH)) == before


def test_edited_snippet_is_reported_before_it_is_replaced(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main([], node)
    node.put(snippet.PATH, there(node) + "MY_OWN = 1\n")
    capsys.readouterr()
    assert cli.main([], node) == 0
    first, second, _ = capsys.readouterr().out.splitlines()
    assert "has been edited" in first
    assert second == f"wrote {snippet.PATH}"
    assert "MY_OWN" not in there(node)
    (kept,) = node.path("/etc/condor-kvm-stage").glob("50-condor-kvm-stage.conf.*.rpmsave")
    assert kept.name in first
    assert kept.read_text().endswith("MY_OWN = 1\n")


@pytest.mark.parametrize("what", ["--stdout", "--diff"])
@pytest.mark.parametrize("edited", [False, True])
def test_showing_changes_nothing(node: FakeNode, what: str, edited: bool) -> None:
    if edited:
        node.put(snippet.PATH, "MY_OWN = 1\n")
    before = list(files(node.root))
    assert cli.main([what], node) == 0
    assert list(files(node.root)) == before
    assert node.commands() == []


def test_stdout_is_what_is_written(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["--stdout"], node)
    shown = capsys.readouterr().out
    cli.main([], node)
    assert there(node) == shown


def test_diff_is_what_a_run_changes(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["--diff"], node)
    assert capsys.readouterr().out.startswith(f"--- /dev/null\n+++ {snippet.PATH}\n")
    cli.main([], node)
    node.policy(POLICY.replace("1G", "2G"))
    capsys.readouterr()
    cli.main(["--diff"], node)
    changed = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("-VM", "+VM"))]
    assert changed == ["-VM_MEMORY = 1024", "+VM_MEMORY = 2048"]
    cli.main([], node)
    capsys.readouterr()
    assert cli.main(["--diff"], node) == 0
    assert capsys.readouterr().out == ""


def test_directories_for_images_are_left_to_the_plugin(node: FakeNode, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    node.policy(f'[staging]\nimage_dirs = ["{tmp_path}/images", "{tmp_path}/none"]\n')
    assert cli.main([], node) == 0
    attributes = node.path(state.PATH)
    assert attributes.read_text() == (
        f'NfsPluginImageDirs = "{tmp_path}/images"\nNfsPluginImageDirsFailed = "{tmp_path}/none"\n'
    )
    node.policy("")
    assert cli.main([], node) == 0
    assert attributes.read_text() == "", "what is no longer true is not left"


def test_node_without_kvm_says_why_it_offers_no_vm_universe(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    node.kvm = "ENOENT"
    assert cli.main([], node) == 0
    reason = "cannot open /dev/kvm: No such file or directory"
    assert f"No VM universe on this node: {reason}. " in capsys.readouterr().out
    assert reason in there(node)
    assert "\nVM_TYPE" not in there(node)
    assert "vm-nfs-plugin\n" in there(node)
