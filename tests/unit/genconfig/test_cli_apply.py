"""The generator's command line with --apply: what it does and prints, with and without a running HTCondor."""

from __future__ import annotations

import pytest

from condor_kvm_stage import guest_facts, installed
from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig import cli
from condor_kvm_stage.guest_facts import GuestFacts
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


def test_libvirt_that_does_not_listen_is_told_at_once_and_costs_no_restart(
    node: FakeNode, capsys: pytest.CaptureFixture[str]
) -> None:
    """The startd's test fails without it, whatever the startd reads. The rest of the configuration is in force."""
    node.sockets = ()
    node.pool = [[slot(HasVM=False)]]
    assert cli.main(["--apply"], node) == 1
    said = capsys.readouterr()
    assert said.out.startswith(f"wrote {installed.SNIPPET}\n")
    assert "HasVM = false, staging by nfs:// = true, because no libvirt daemon listens (" in said.err
    assert node.commands() == ["condor_reconfig"]


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


def _on_selinux(node: FakeNode, capabilities: Answer) -> None:
    node.put("/sys/fs/selinux/enforce", "1")
    node.programs["/usr/bin/virsh"] = capabilities


def test_nothing_is_assumed_about_labels_where_selinux_is_on_and_libvirt_is_silent(
    node: FakeNode, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the security model "dac" alone libvirt would change the labels of base images. The unit tries again."""
    _on_selinux(node, Answer(1, "", "error: x\n"))
    assert cli.main(["--apply"], node) == 1
    said = capsys.readouterr()
    assert "VM jobs are refused, because it must say how SELinux labels their files" in said.out
    assert said.err.endswith(
        f"libvirt does not say how SELinux labels guests: see above; then run {installed.APPLY} again\n"
    )
    assert not node.path(installed.GUEST_FACTS).exists()


def test_what_libvirt_said_since_the_boot_stays_while_it_is_silent(node: FakeNode) -> None:
    _on_selinux(node, Answer(1, "", "error: x\n"))
    before = GuestFacts(ide=False, security_models=["selinux", "dac"], selinux="u:r:svirt_t:s0", networks=["nat"])
    node.put(installed.GUEST_FACTS, guest_facts.to_bytes(before).decode())
    assert cli.main(["--apply"], node) == 0
    after = guest_facts.of_text(node.path(installed.GUEST_FACTS).read_bytes())
    assert after is not None
    assert (after.ide, after.security_models, after.selinux) == (False, ["selinux", "dac"], "u:r:svirt_t:s0")
    assert after.networks == [], "the policy's are known without libvirt"


def test_apply_lets_libvirt_listen_before_it_asks(node: FakeNode) -> None:
    node.sockets = ()
    stopped = "Id=libvirtd.socket\nLoadState=loaded\nActiveState=inactive\nUnitFileState=enabled\n"
    node.programs["/usr/bin/systemctl"] = Answer(0, stopped)
    assert cli.main(["--apply"], node) == 0
    assert node.commands() == ["systemctl start libvirtd.socket", "condor_reconfig"]
    start = node.asked.index(("systemctl", "start", "libvirtd.socket"))
    assert start < min(i for i, command in enumerate(node.asked) if command[0] == "virsh")
