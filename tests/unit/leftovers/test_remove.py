"""--apply destroys what jobs have left, and nothing else; what goes wrong with that is said, and stops nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig import cli
from condor_kvm_stage.leftovers import remove
from condor_kvm_stage.messages import INFO, NOTICE, Message
from support.fake_host import FakeHost, write
from support.fake_node import OFFERED, UP_TO_DATE, Clock, FakeNode
from support.fake_virsh import BEGAN, GONE, LIVING, SOCKET, STAT, VIRSH, FakeLibvirt, host_of, mark, uuid

DESTROYED = f"Destroyed the virtual machine gone ({uuid(1)}): the starter of its job, process {GONE}, is gone"


@pytest.fixture
def libvirt() -> FakeLibvirt:
    """It runs an orphan, a job's domain, and one that looks like a job's by its name alone."""
    libvirt = FakeLibvirt()
    libvirt.run(1, "gone", mark(GONE))
    libvirt.run(2, "living", mark(LIVING))
    libvirt.run(3, "alice_worker_7.0")
    libvirt.run(4, "strange", mark("none"))
    return libvirt


@pytest.fixture
def host(libvirt: FakeLibvirt, tmp_path: Path) -> FakeHost:
    return host_of(libvirt, tmp_path)


def destroy(host: FakeHost) -> list[Message]:
    return list(remove.destroy_orphans(host))


def test_orphan_alone_is_destroyed_by_its_uuid_and_once(libvirt: FakeLibvirt, host: FakeHost) -> None:
    assert destroy(host) == [Message(DESTROYED, NOTICE)]
    assert libvirt.destroyed == [uuid(1)]
    assert destroy(host) == []
    assert len(libvirt.running) == 3


def test_orphan_is_looked_at_again_right_before(libvirt: FakeLibvirt, host: FakeHost, tmp_path: Path) -> None:
    """As if a process with that id, and that beginning, had been there all the time."""
    libvirt.run(5, "also gone", mark(GONE))

    def appear() -> None:
        write(tmp_path, f"proc/{GONE}/stat", STAT.format(pid=GONE, began=BEGAN))

    libvirt.before["destroy"] = appear
    assert destroy(host) == [Message(DESTROYED, NOTICE)]
    assert libvirt.destroyed == [uuid(1)]


def test_new_domain_of_the_same_name_is_left_alone(libvirt: FakeLibvirt, host: FakeHost) -> None:
    def replace() -> None:
        del libvirt.running[uuid(1)]
        libvirt.run(9, "gone", mark(LIVING))

    libvirt.before["destroy"] = replace
    assert destroy(host) == []
    assert libvirt.destroyed == []


def test_orphan_that_ends_by_itself_is_not_worth_a_word(libvirt: FakeLibvirt, host: FakeHost) -> None:
    libvirt.before["destroy"] = libvirt.running.clear
    assert destroy(host) == []


def test_orphan_that_libvirt_cannot_destroy_is_told_with_what_to_try(libvirt: FakeLibvirt, host: FakeHost) -> None:
    libvirt.run(5, "next", mark(GONE))
    libvirt.answers["destroy", uuid(1)] = Answer(1, errors="error: Failed to terminate process 77 with SIGKILL: busy\n")
    first, second = destroy(host)
    assert first.level == NOTICE
    assert f"Cannot destroy the virtual machine gone ({uuid(1)}), whose job is gone" in first.text
    assert first.text.endswith(f"SIGKILL: busy; try virsh --connect qemu:///system destroy {uuid(1)}")
    assert second.text.startswith("Destroyed the virtual machine next")


def test_libvirt_that_does_not_answer_is_told(libvirt: FakeLibvirt, host: FakeHost) -> None:
    libvirt.answers["list",] = Answer(-1, fault="virsh did not end within 5 s")
    (line,) = destroy(host)
    assert line == Message(
        "Not all virtual machines that jobs have left could be found: virsh did not end within 5 s", NOTICE
    )


def test_libvirt_that_stops_answering_is_told(libvirt: FakeLibvirt, host: FakeHost) -> None:
    silent = Answer(-1, fault="virsh did not end within 2 s")
    libvirt.answers["destroy",] = silent
    libvirt.before["destroy"] = lambda: libvirt.answers.update({("dumpxml",): silent})
    (line,) = destroy(host)
    assert "Cannot destroy the virtual machine gone" in line.text
    assert "did not end within 2 s" in line.text


def test_there_is_an_end_to_it_however_many_there_are(
    libvirt: FakeLibvirt, host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(remove, "time", clock)
    libvirt.before["destroy"] = lambda: clock.sleep(remove.DESTROYING)
    libvirt.run(5, "second", mark(GONE))
    libvirt.run(6, "third", mark(GONE))
    first, last = destroy(host)
    assert first.text == DESTROYED
    assert last.text.startswith("No time to destroy more virtual machines whose job is gone: second, third; ")


@pytest.mark.parametrize("without", ["root", "libvirt"])
def test_nothing_is_asked_of_libvirt_where_it_would_not_answer(
    libvirt: FakeLibvirt, node: FakeNode, without: str
) -> None:
    node.programs[VIRSH] = libvirt.virsh
    node.sockets = () if without == "libvirt" else (SOCKET,)
    node.as_root = without != "root"
    assert cli.main(["--apply"], node) == 0
    assert not [command for command in node.asked if "list" in command]


def test_apply_cleans_up_and_says_so(libvirt: FakeLibvirt, node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    node.programs[VIRSH] = libvirt.virsh
    node.sockets = (SOCKET,)
    node.put(f"/proc/{LIVING}/stat", STAT.format(pid=LIVING, began=BEGAN))
    settings = node.programs["/usr/bin/condor_config_val"]
    assert isinstance(settings, Answer)
    node.programs["/usr/bin/condor_config_val"] = Answer(0, settings.output + "EXECUTE = /x\n # at: <Default>\n")
    node.put("/x/dir_379.condor-kvm-stage/disk.qcow2", "")
    node.put("/x/dir_412/scratch", "")
    node.put("/x/dir_412.condor-kvm-stage/disk.qcow2", "")
    assert cli.main(["--apply", "--quiet"], node) == 0
    assert DESTROYED in capsys.readouterr().out.splitlines()
    assert sorted(node.names("/x")) == ["dir_412", "dir_412.condor-kvm-stage"]
    assert cli.main(["--apply"], node) == 0
    assert "virtual machine gone" not in capsys.readouterr().out


def test_removed_shelter_is_nothing_that_an_administrator_need_know(libvirt: FakeLibvirt, node: FakeNode) -> None:
    node.put("/x/dir_379.condor-kvm-stage/disk.qcow2", "")
    (line,) = remove.carry_out(node, libvirt_answers=True, execute="/x")
    assert line == Message(f"Removed {node.root}/x/dir_379.condor-kvm-stage, left by a job that has ended", INFO)


def test_quiet_words_of_a_healthy_node_stay_the_same(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["--apply"], node)
    capsys.readouterr()
    assert cli.main(["--apply"], node) == 0
    assert capsys.readouterr().out.endswith(f"{UP_TO_DATE}{OFFERED}\n")
