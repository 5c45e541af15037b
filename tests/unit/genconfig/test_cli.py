"""The generator's command line: what it writes, what it only prints, and its messages."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from condor_kvm_stage import guest_facts, installed
from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig import cli
from condor_kvm_stage.guest_facts import GuestFacts
from support.fake_node import POLICY, UP_TO_DATE, FakeNode, files, slot


def there(node: FakeNode) -> str:
    return node.path(installed.SNIPPET).read_text(encoding="utf-8")


def test_snippet_is_written_once_and_htcondor_is_not_told(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--write"], node) == 0
    output = capsys.readouterr().out
    assert output.startswith(f"wrote {installed.SNIPPET}\n")
    assert output.endswith("HTCondor does not use this yet; to apply it: condor-kvm-stage-genconfig --apply\n")
    assert "VM_MEMORY = 1024\n" in there(node)
    assert node.commands() == []
    before = os.stat(node.path(installed.SNIPPET))
    assert cli.main(["--write"], node) == 0
    assert capsys.readouterr().out.startswith(UP_TO_DATE)
    after = os.stat(node.path(installed.SNIPPET))
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_edited_snippet_is_reported_before_it_is_replaced(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["--write"], node)
    node.put(installed.SNIPPET, there(node) + "MY_OWN = 1\n")
    capsys.readouterr()
    assert cli.main(["--write"], node) == 0
    first, second, _ = capsys.readouterr().out.splitlines()
    assert "has been edited" in first
    assert second == f"wrote {installed.SNIPPET}"
    assert "MY_OWN" not in there(node)
    (kept,) = node.path("/etc/condor-kvm-stage").glob("50-condor-kvm-stage.conf.*.rpmsave")
    assert kept.name in first
    assert kept.read_text().endswith("MY_OWN = 1\n")


@pytest.mark.parametrize("what", ["--stdout", "--diff"])
@pytest.mark.parametrize("edited", [False, True])
def test_showing_changes_nothing(node: FakeNode, what: str, edited: bool) -> None:
    if edited:
        node.put(installed.SNIPPET, "MY_OWN = 1\n")
    before = list(files(node.root))
    assert cli.main([what], node) == 0
    assert list(files(node.root)) == before
    assert node.commands() == []


def test_stdout_is_what_is_written(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["--stdout"], node)
    shown = capsys.readouterr().out
    cli.main(["--write"], node)
    assert there(node) == shown


def test_diff_is_what_a_run_changes(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["--diff"], node)
    assert capsys.readouterr().out.startswith(f"--- /dev/null\n+++ {installed.SNIPPET}\n")
    cli.main(["--write"], node)
    node.policy(POLICY.replace("1G", "2G"))
    capsys.readouterr()
    cli.main(["--diff"], node)
    changed = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("-VM", "+VM"))]
    assert changed == ["-VM_MEMORY = 1024", "+VM_MEMORY = 2048"]
    cli.main(["--write"], node)
    capsys.readouterr()
    assert cli.main(["--diff"], node) == 0
    assert capsys.readouterr().out == ""


def test_directories_for_images_are_left_to_the_plugin(node: FakeNode, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    node.policy(f'[staging]\nimage_dirs = ["{tmp_path}/images", "{tmp_path}/none"]\n')
    assert cli.main(["--write"], node) == 0
    attributes = node.path(installed.SLOT_ATTRIBUTES)
    assert attributes.read_text() == (
        f'NfsPluginImageDirs = "{tmp_path}/images"\nNfsPluginImageDirsFailed = "{tmp_path}/none"\n'
    )
    node.policy("")
    assert cli.main(["--write"], node) == 0
    assert attributes.read_text() == "", "what is no longer true is not left"


def guest(node: FakeNode) -> GuestFacts:
    """The file for the domain builder."""
    return guest_facts._from_json(json.loads(node.text(installed.GUEST_FACTS) or "null"))


def asked(node: FakeNode) -> set[str]:
    return {command[0].rpartition("/")[2] for command in node.asked}


@pytest.mark.parametrize("arguments", [["--write"], ["--apply"]])
def test_what_the_host_can_give_to_guests_is_left_to_who_defines_them(node: FakeNode, arguments: list[str]) -> None:
    node.put("/sys/class/net/br0/operstate", "up\n")
    node.policy(POLICY.replace("types = []", 'types = ["bridge"]\nbridge = "br0"'))
    node.pool = [[slot(VM_Networking=True, VM_Networking_Types="bridge")]]
    assert cli.main(arguments, node) == 0
    assert guest(node) == GuestFacts("host-passthrough", True, ["dac"], ["bridge"], "br0")


@pytest.mark.parametrize("what", ["--stdout", "--diff"])
def test_nobody_is_asked_about_guests_to_show_the_snippet(node: FakeNode, what: str) -> None:
    assert cli.main([what], node) == 0
    assert not {"virsh", "qemu-system-x86_64"} & asked(node)


def test_nobody_is_asked_about_guests_whose_definition_is_htcondors(node: FakeNode) -> None:
    assert cli.main(["--write"], node) == 0
    node.asked.clear()
    node.policy(f"{POLICY}[guest]\nguarded = false\n")
    assert cli.main(["--write"], node) == 0
    assert not {"virsh", "qemu-system-x86_64"} & asked(node)
    assert not node.exists(installed.GUEST_FACTS)


@pytest.mark.parametrize(
    ("program", "answer", "words"),
    [
        ("virsh", Answer(-1, fault="virsh did not end within 20 s"), "libvirt does not list its capabilities: virsh"),
        (
            "qemu-system-x86_64",
            Answer(1, "", "qemu: no\n"),
            "Virtual machines do not get the host's CPU: qemu: no; see",
        ),
    ],
)
def test_what_is_not_known_of_guests_is_told_to_the_administrator(
    node: FakeNode, capsys: pytest.CaptureFixture[str], program: str, answer: Answer, words: str
) -> None:
    node.programs[f"/usr/bin/{program}"] = answer
    assert cli.main(["--apply", "--quiet"], node) == 0
    assert any(line.startswith(words) for line in capsys.readouterr().out.splitlines())
    assert node.exists(installed.GUEST_FACTS)


def test_node_without_kvm_says_why_it_offers_no_vm_universe(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    node.kvm = "ENOENT"
    assert cli.main(["--write"], node) == 0
    reason = "cannot open /dev/kvm: No such file or directory"
    (line,) = (line for line in capsys.readouterr().out.splitlines() if reason in line)
    assert line.startswith(f"No VM universe on this node: {reason}. "), "that is said once"
    assert reason in there(node)
    assert "\nVM_TYPE" not in there(node)
    assert "vm-nfs-plugin\n" in there(node)
