"""The generator as a whole, on a host that is a temporary directory: what it writes, what it says of a bad policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage import policy, state
from condor_kvm_stage.genconfig import cli, snippet


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host with HTCondor, without KVM."""
    monkeypatch.setattr(policy, "PATH", "/etc/condor-kvm-stage/config.toml")
    root = tmp_path / "root"
    for directory in ("proc", "etc/condor/config.d", "etc/condor-kvm-stage", "srv"):
        (root / directory).mkdir(parents=True)
    (root / "proc/cpuinfo").write_text("processor\t: 0\nflags\t\t: fpu vmx lm\n")
    (root / "proc/meminfo").write_text("MemTotal:       16384000 kB\n")
    return root


def write_policy(root: Path, text: str) -> None:
    (root / policy.PATH.lstrip("/")).write_text(text)


def attributes(root: Path) -> str:
    return (root / state.PATH.lstrip("/")).read_text()


def test_directories_of_the_policy_are_left_to_the_plugin(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_policy(root, f'[staging]\nimage_dirs = ["{root}/srv", "{root}/none"]\n')
    assert cli.main([], root) == 0
    assert (root / "run/condor-kvm-stage/slot-attributes").read_text() == (
        f'NfsPluginImageDirs = "{root}/srv"\nNfsPluginImageDirsFailed = "{root}/none"\n'
    )
    assert (root / snippet.PATH).exists()
    assert capsys.readouterr().err == ""


def test_what_is_no_longer_true_is_not_left(root: Path) -> None:
    write_policy(root, f'[staging]\nimage_dirs = ["{root}/srv"]\n')
    assert cli.main([], root) == 0
    assert "srv" in attributes(root)
    write_policy(root, "")
    assert cli.main([], root) == 0
    assert attributes(root) == ""


def test_host_without_a_policy_advertises_no_directories(root: Path) -> None:
    assert cli.main([], root) == 0
    assert attributes(root) == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[staging]\ntimeout = never\n", "line 2"),
        ("[stagging]\n", "line 1: unknown key 'stagging'"),
        ('[staging]\nimage_dirs = ["srv"]\n', "line 2: image_dirs must be a list of absolute paths"),
    ],
)
def test_broken_policy_is_one_message_and_a_failure_and_no_directory_is_advertised(
    root: Path, capsys: pytest.CaptureFixture[str], text: str, reason: str
) -> None:
    write_policy(root, f'[staging]\nimage_dirs = ["{root}/srv"]\n')
    assert cli.main([], root) == 0
    capsys.readouterr()
    write_policy(root, text)
    assert cli.main([], root) == 1
    (message,) = capsys.readouterr().err.splitlines()
    assert message.startswith(f"condor-kvm-stage-genconfig: the site's policy {policy.PATH} is broken: ")
    assert reason in message
    assert attributes(root) == ""
    assert (root / snippet.PATH).exists(), "the policy is the plug-in's; HTCondor is configured without it"


def test_check_names_a_broken_policy(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_policy(root, "[stagging]\n")
    assert cli.main(["--check"], root) == 1
    output = capsys.readouterr().out
    assert "line 1: unknown key 'stagging'" in output
    assert not (root / "run").exists()


def test_stdout_changes_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--stdout"], root) == 0
    assert capsys.readouterr().out.startswith("#")
    assert not (root / "run").exists()
    assert not (root / snippet.PATH).exists()
