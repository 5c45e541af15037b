"""The generator's command line with --check: exit status, --quiet and --json, for the node and for one image."""

from __future__ import annotations

import json

import pytest

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig import cli
from support.fake_node import FakeNode, files


def test_check_fails_where_the_node_cannot_run_vm_jobs(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    node.policy("[stagging]\n")
    before = list(files(node.root))
    assert cli.main(["--check"], node) == 1
    text = capsys.readouterr().out
    assert "line 1: unknown table 'stagging'" in text
    assert text.splitlines()[-1].startswith("This node cannot run VM jobs")
    assert cli.main(["--check", "--quiet"], node) == 1
    quiet = capsys.readouterr().out
    assert quiet
    assert set(quiet.splitlines()) < set(text.splitlines())
    assert cli.main(["--check", "--json"], node) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False
    assert list(files(node.root)) == before


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (Answer(0), 0, "can be staged"),
        (Answer(4, errors="vm-nfs-plugin: no such image\n"), 1, "cannot be staged: no such image"),
    ],
)
def test_check_of_an_image_is_about_that_image_only(
    node: FakeNode, capsys: pytest.CaptureFixture[str], answer: Answer, status: int, words: str
) -> None:
    node.programs["/usr/local/bin/vm-nfs-plugin"] = answer
    url = "nfs:///srv/images/x.qcow2:disk.qcow2"
    assert cli.main(["--check", url], node) == status
    line, *_ = capsys.readouterr().out.splitlines()
    assert f"{url} {words}" in line
    assert [command[1] for command in node.asked] == [url]
    assert cli.main(["--check", url, "--json"], node) == status
    assert json.loads(capsys.readouterr().out)["ok"] is (status == 0)
