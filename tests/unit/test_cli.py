"""The generator's command line: what it writes and prints, its exit statuses, and that each failure is one message."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from unit.nodes import OFFERED, POLICY, FakeNode, files, job, slot

from condor_kvm_stage import __version__, policy, state
from condor_kvm_stage.genconfig import cli, snippet
from condor_kvm_stage.genconfig.host import Answer, Host

UP_TO_DATE = f"{snippet.PATH} is up to date\n"
UNSEEN = """\
[vm]
memory = "4G"
max_number = 2
[network]
types = ["nat"]
"""


@pytest.fixture(autouse=True)
def _policy_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "PATH", "/etc/condor-kvm-stage/config.toml")


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    return FakeNode(tmp_path / "root")


class UnseenHost(Host):
    """A tree that does not run: a look at anything of this host fails the test."""

    def text(self, path: str) -> str | None:
        assert path.startswith("/etc/"), path
        return super().text(path)

    def _look(self, *_: object, **__: object) -> None:
        raise AssertionError("looked at the host")

    names = program = run = refusal = device = ioctl = is_root = job_user = _look  # type: ignore[assignment]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree for --root, whose policy fixes all values."""
    monkeypatch.setattr(cli, "Host", UnseenHost)
    for directory in ("etc/condor/config.d", "etc/condor-kvm-stage"):
        (tmp_path / "tree" / directory).mkdir(parents=True)
    (tmp_path / "tree/etc/condor-kvm-stage/config.toml").write_text(UNSEEN)
    return tmp_path / "tree"


def there(node: FakeNode) -> str:
    return node.path(snippet.PATH).read_text(encoding="utf-8")


def usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the message for arguments that are wrong usage."""
    with pytest.raises(SystemExit) as raised:
        cli.main(arguments)
    assert raised.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        cli.main(["--version"])
    assert raised.value.code == 0
    assert capsys.readouterr().out == f"condor-kvm-stage-genconfig {__version__}\n"


@pytest.mark.parametrize("first", ["--apply", "--check", "--diff", "--stdout"])
@pytest.mark.parametrize("second", ["--apply", "--check", "--diff", "--stdout"])
def test_one_thing_is_done_at_a_time(first: str, second: str, capsys: pytest.CaptureFixture[str]) -> None:
    if first != second:
        assert "not allowed with argument" in usage_error([first, second], capsys)


@pytest.mark.parametrize("arguments", [["--json"], ["--quiet"], ["--apply", "--quiet"], ["--stdout", "--json"]])
def test_how_to_report_belongs_to_check(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "--json and --quiet belong to --check" in usage_error(arguments, capsys)


@pytest.mark.parametrize("what", ["--apply", "--check"])
def test_tree_that_does_not_run_is_neither_checked_nor_applied(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--root" in usage_error(["--root", "/tree", what], capsys)


@pytest.mark.parametrize("arguments", [["--aply"], ["surplus"], ["--root"]])
def test_unknown_words_are_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert usage_error(arguments, capsys).startswith("condor-kvm-stage-genconfig: error: ")


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
    (kept,) = node.path("/etc/condor-kvm-stage").glob("50-condor-kvm-stage.conf.edited-*")
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


def test_apply_tells_the_running_htcondor(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--apply"], node) == 0
    assert capsys.readouterr().out == f"wrote {snippet.PATH}\n{OFFERED}\n"
    assert node.commands() == ["condor_reconfig"]
    assert cli.main(["--apply"], node) == 0
    assert capsys.readouterr().out == f"{UP_TO_DATE}{OFFERED}\n"


def test_apply_leaves_it_to_the_start_of_an_htcondor_that_does_not_run(
    node: FakeNode, capsys: pytest.CaptureFixture[str]
) -> None:
    node.path("/proc/77/comm").unlink()
    assert cli.main(["--apply"], node) == 0
    assert capsys.readouterr().out == f"wrote {snippet.PATH}\nHTCondor does not run; it takes this up when it starts.\n"
    assert node.commands() == []


def test_scriptlet_without_network_leaves_all_to_the_unit(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    node.confine()
    node.programs["/usr/bin/systemctl"] = Answer(0, "yes\n")
    node.programs["/usr/bin/journalctl"] = Answer(0, "wrote it\n")
    assert cli.main(["--apply"], node) == 0
    assert capsys.readouterr().out == "wrote it\n"
    assert node.commands() == ["systemctl restart condor-kvm-stage.service"]
    assert not node.path(snippet.PATH).exists()


def test_policy_is_read_before_the_unit_is_asked(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    node.confine()
    node.policy("[staging\n")
    assert cli.main(["--apply"], node) == 1
    assert "line 1" in capsys.readouterr().err
    assert node.commands() == []


@pytest.mark.parametrize("arguments", [[], ["--apply"], ["--stdout"], ["--diff"]])
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
    cli.main([], node)
    node.policy(text)
    before = list(files(node.root))
    assert state.PATH.lstrip("/") in dict(before)
    capsys.readouterr()
    assert cli.main(arguments, node) == 1
    output = capsys.readouterr()
    (message,) = output.err.splitlines()
    assert message.startswith(f"condor-kvm-stage-genconfig: the site's policy {node.root}{policy.PATH} is broken: ")
    assert reason in message
    assert output.out == ""
    assert list(files(node.root)) == before
    assert node.commands() == []


def _no_cpuinfo(node: FakeNode) -> None:
    node.path("/proc/cpuinfo").unlink()


def _no_htcondor(node: FakeNode) -> None:
    node.path("/etc/condor/config.d").rmdir()


def _unwritable(node: FakeNode) -> None:
    node.path(f"{snippet.PATH}/directory").mkdir(parents=True)


def _no_runtime_directory(node: FakeNode) -> None:
    node.put("/run", "a file")


def _no_pool(node: FakeNode) -> None:
    node.policy(POLICY.replace("wait = 60", "wait = 1"))
    node.pool = [[]]


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (_no_cpuinfo, "check that /proc is mounted"),
        (_no_htcondor, "/etc/condor/config.d is not there; install HTCondor"),
        (_unwritable, f"{snippet.PATH}: Is a directory"),
        (_no_runtime_directory, "/run/condor-kvm-stage"),
        (_no_pool, "the collector has no slot of worker"),
    ],
)
def test_each_failure_is_one_message_and_exit_status_1(
    node: FakeNode, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, broken: object, words: str
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    assert callable(broken)
    broken(node)
    assert cli.main(["--apply"], node) == 1
    (message,) = capsys.readouterr().err.splitlines()
    assert message.startswith("condor-kvm-stage-genconfig: ")
    assert words in message


def test_apply_says_what_is_pending_and_succeeds(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    node.pool = [[slot(VM_Memory=512), job("slot1_1@worker")]]
    assert cli.main(["--apply"], node) == 0
    assert "VM_Memory is 512, and is to be 1024" in capsys.readouterr().out


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
    (line,) = capsys.readouterr().out.splitlines()
    assert f"{url} {words}" in line
    assert [command[1] for command in node.asked] == [url]
    assert cli.main(["--check", url, "--json"], node) == status
    assert json.loads(capsys.readouterr().out)["ok"] is (status == 0)


def test_tree_is_configured_without_a_look_at_this_host(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--root", str(tree), "--stdout"]) == 0
    shown = capsys.readouterr().out
    assert not (tree / snippet.PATH.lstrip("/")).exists()
    assert cli.main(["--root", str(tree), "--diff"]) == 0
    assert "+VM_MEMORY = 4096\n" in capsys.readouterr().out
    assert cli.main(["--root", str(tree)]) == 0
    assert capsys.readouterr().out == f"wrote {snippet.PATH}\n"
    assert (tree / snippet.PATH.lstrip("/")).read_text() == shown
    for line in ("VM_TYPE = kvm", "VM_MEMORY = 4096", "VM_MAX_NUMBER = 2", "VM_NETWORKING_TYPE = nat"):
        assert f"\n{line}\n" in shown
    assert not (tree / "run").exists(), "what a directory is like is found where it is mounted"


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
    assert cli.main(["--root", str(tree)]) == 1
    (message,) = capsys.readouterr().err.splitlines()
    assert f": set {keys}; " in message
    assert not (tree / snippet.PATH.lstrip("/")).exists()
