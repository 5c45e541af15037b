"""The generator's command line with --root: another tree is configured without probing this host."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage import installed
from condor_kvm_stage.genconfig import cli
from condor_kvm_stage.host import Host
from support.fake_host import add_program

UNSEEN = """\
[vm]
memory = "4G"
max_number = 2
[network]
types = ["nat"]
"""


class UnseenHost(Host):
    """A tree that is not running: probing this host fails the test."""

    def text(self, path: str) -> str | None:
        assert path.startswith("/etc/"), path
        return super().text(path)

    def _look(self, *_: object, **__: object) -> None:
        raise AssertionError("looked at the host")

    def program(self, name: str) -> str:
        assert name.endswith("/vm-nfs-plugin"), name  # which place is the plug-in's, in the tree
        return super().program(name)

    names = run = start = refusal = device = ioctl = is_root = job_user = _look  # type: ignore[assignment]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy_of_the_host: None) -> Path:
    """A tree for --root, whose policy sets all values."""
    monkeypatch.setattr(cli, "Host", UnseenHost)
    for directory in ("etc/condor/config.d", "etc/condor-kvm-stage"):
        (tmp_path / "tree" / directory).mkdir(parents=True)
    (tmp_path / "tree/etc/condor-kvm-stage/config.toml").write_text(UNSEEN)
    return tmp_path / "tree"


def test_tree_is_configured_without_a_look_at_this_host(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--root", str(tree), "--stdout"]) == 0
    shown = capsys.readouterr().out
    assert not (tree / installed.SNIPPET.lstrip("/")).exists()
    assert cli.main(["--root", str(tree), "--diff"]) == 0
    assert "+VM_MEMORY = 4096\n" in capsys.readouterr().out
    assert cli.main(["--root", str(tree), "--write"]) == 0
    assert capsys.readouterr().out == f"wrote {installed.SNIPPET}\n"
    assert (tree / installed.SNIPPET.lstrip("/")).read_text() == shown
    for line in ("VM_TYPE = kvm", "VM_MEMORY = 4096", "VM_MAX_NUMBER = 2", "VM_NETWORKING_TYPE = nat"):
        assert f"\n{line}\n" in shown
    assert not (tree / "run").exists(), "what a directory is like is found where it is mounted"


def test_plugin_is_looked_for_in_the_tree(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = "/usr/libexec/condor-kvm-stage/vm-nfs-plugin"
    add_program(Host(tree), "", place)
    assert cli.main(["--root", str(tree), "--stdout"]) == 0
    assert f"$(FILETRANSFER_PLUGINS), {place}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", "network.types, vm.memory, vm.max_number"),
        (UNSEEN.replace('"4G"', '"auto"'), "vm.memory"),
        (UNSEEN.replace("2\n", '"auto"\n'), "vm.max_number"),
        (UNSEEN.replace('["nat"]', '["bridge"]'), "network.bridge"),
    ],
)
def test_tree_whose_policy_leaves_values_to_the_host_is_refused_with_their_keys(
    tree: Path, capsys: pytest.CaptureFixture[str], text: str, keys: str
) -> None:
    (tree / "etc/condor-kvm-stage/config.toml").write_text(text)
    assert cli.main(["--root", str(tree), "--write"]) == 1
    (message,) = capsys.readouterr().err.splitlines()
    assert f"; set {keys}, or " in message
    assert not (tree / installed.SNIPPET.lstrip("/")).exists()


def test_directory_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--root", str(tmp_path / "none"), "--write"]) == 1
    assert capsys.readouterr().err.endswith(f"{tmp_path}/none is not a directory; create the tree first\n")
