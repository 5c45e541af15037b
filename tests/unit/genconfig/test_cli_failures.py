"""The generator's command line on a broken host: one message, exit status 1."""

from __future__ import annotations

import pytest

from condor_kvm_stage import installed
from condor_kvm_stage.genconfig import cli
from support import fake_node
from support.fake_node import Clock, FakeNode, files


@pytest.mark.parametrize("arguments", [["--write"], ["--apply"], ["--stdout"], ["--diff"]])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[staging]\ntimeout = never\n", "line 2"),
        ("[stagging]\n", "line 1: unknown table 'stagging'; did you mean 'staging'?"),
        ('[vm]\nmemory = "1G"\nmemroy = "2G"\n', "line 3: unknown key 'memroy' in [vm]; did you mean 'memory'?"),
    ],
)
def test_broken_policy_leaves_everything_as_it_was(
    node: FakeNode, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str, reason: str
) -> None:
    node.policy('[staging]\nimage_dirs = ["/srv/images"]\n')
    cli.main(["--write"], node)
    node.policy(text)
    before = list(files(node.root))
    assert installed.SLOT_ATTRIBUTES.lstrip("/") in dict(before)
    capsys.readouterr()
    assert cli.main(arguments, node) == 1
    output = capsys.readouterr()
    (message,) = output.err.splitlines()
    assert message.startswith(
        f"condor-kvm-stage-genconfig: the site's policy {node.root}{installed.POLICY} is broken: "
    )
    assert reason in message
    assert output.out == ""
    assert list(files(node.root)) == before
    assert node.commands() == []


def _no_cpuinfo(node: FakeNode) -> None:
    node.path("/proc/cpuinfo").unlink()


def _no_htcondor(node: FakeNode) -> None:
    del node.programs["/usr/sbin/condor_master"]


def _no_config_dir(node: FakeNode) -> None:
    node.path("/etc/condor/config.d").rmdir()


def _unwritable(node: FakeNode) -> None:
    node.path(f"{installed.SNIPPET}/directory").mkdir(parents=True)


def _no_runtime_directory(node: FakeNode) -> None:
    node.put("/run", "a file")


def _no_pool(node: FakeNode) -> None:
    node.policy(fake_node.POLICY.replace("wait = 60", "wait = 1"))
    node.pool = [[]]


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (_no_cpuinfo, "check that /proc is mounted"),
        (_no_htcondor, "no program condor_master; install HTCondor"),
        (_no_config_dir, "/etc/condor/config.d does not exist; install HTCondor"),
        (_unwritable, f"{installed.SNIPPET}: Is a directory"),
        (_no_runtime_directory, "/run/condor-kvm-stage"),
        (_no_pool, "the collector has no slot of worker"),
    ],
)
def test_each_failure_is_one_message_and_exit_status_1(
    node: FakeNode, clock: Clock, capsys: pytest.CaptureFixture[str], broken: object, words: str
) -> None:
    assert callable(broken)
    broken(node)
    assert cli.main(["--apply"], node) == 1
    (message,) = capsys.readouterr().err.splitlines()
    assert message.startswith("condor-kvm-stage-genconfig: ")
    assert words in message
