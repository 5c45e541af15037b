"""--check: a verdict and a next step for every state of a host, and the exit status that goes with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage import __version__
from condor_kvm_stage.genconfig import checks, cli, facts, image_dirs, snippet
from condor_kvm_stage.genconfig.checks import Level
from condor_kvm_stage.genconfig.facts import HostFacts
from condor_kvm_stage.genconfig.kvm import KvmDevice

WORKER = HostFacts(
    cpu_virtualisation="Intel VT-x",
    kvm=KvmDevice(True),
    ram_mib=64000,
    libvirt="",
    nat_network=True,
    qemu_img=True,
    plugin=True,
    vm_gahp=True,
    htcondor_config=True,
    policy="",
    image_dirs={},
)
BARE = HostFacts(
    cpu_virtualisation="",
    kvm=KvmDevice(False, "cannot open /dev/kvm: No such file or directory"),
    ram_mib=900,
    libvirt="no libvirt daemon listens (/run/libvirt/libvirt-sock: No such file or directory)",
    nat_network=False,
    qemu_img=False,
    plugin=False,
    vm_gahp=False,
    htcondor_config=False,
    policy="the site's policy /etc/condor-kvm-stage/config.toml is broken: line 2: timeout must be a whole number",
    image_dirs={},
)


def verdict(host: HostFacts, subject: str, installed: str | None = "text") -> checks.Check:
    (found,) = [check for check in checks.evaluate(host, installed, "text") if check.subject == subject]
    return found


def test_good_worker_passes_every_check() -> None:
    assert {check.level for check in checks.evaluate(WORKER, "text", "text")} == {Level.OK}


def test_whatever_is_not_ok_has_a_next_step() -> None:
    results = checks.evaluate(BARE, None, "text")
    assert all(bool(check.next_step) == (check.level is not Level.OK) for check in results)
    assert [check.subject for check in results if check.level is not Level.FAIL] == ["CPU", "network"]


def test_working_kvm_without_a_cpu_flag_is_no_fault() -> None:
    assert verdict(dataclasses.replace(WORKER, cpu_virtualisation=""), "CPU").level is Level.OK


def test_image_directory_that_is_not_there_is_a_warning() -> None:
    found = verdict(dataclasses.replace(WORKER, image_dirs={image_dirs.FAILED: "/srv/a,/srv/b"}), "policy")
    assert (found.level, found.found) == (Level.WARN, "images cannot come from /srv/a,/srv/b")


def test_ordinary_user_is_sent_to_root_not_to_the_firmware() -> None:
    host = dataclasses.replace(BARE, kvm=KvmDevice(False, "cannot open /dev/kvm: Permission denied", forbidden=True))
    assert "run this as root" in verdict(host, "KVM").next_step
    assert verdict(host, "CPU").next_step == "run this as root"


def test_flag_without_a_device_points_to_the_kernel_module() -> None:
    host = dataclasses.replace(WORKER, cpu_virtualisation="AMD-V", kvm=BARE.kvm)
    assert "modprobe kvm_amd" in verdict(host, "KVM").next_step


def test_snippet_must_be_there_and_be_what_the_host_calls_for() -> None:
    assert verdict(WORKER, "HTCondor", None).level is Level.FAIL
    assert verdict(WORKER, "HTCondor", "other").level is Level.WARN
    assert verdict(WORKER, "HTCondor", "text").level is Level.OK


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[HostFacts], Path]:
    """Make the command line see a host; returns the host's root."""

    def make(found: HostFacts) -> Path:
        monkeypatch.setattr(facts, "collect", lambda root: found)
        if found.htcondor_config:
            (tmp_path / snippet.PATH).parent.mkdir(parents=True, exist_ok=True)
        return tmp_path

    return make


Host = Callable[[HostFacts], Path]


@pytest.mark.parametrize(("name", "found", "status"), [("check-worker.txt", WORKER, 0), ("check-bare.txt", BARE, 1)])
def test_check_prints_the_golden_file(
    host: Host,
    golden: Callable[[str, str], None],
    capsys: pytest.CaptureFixture[str],
    name: str,
    found: HostFacts,
    status: int,
) -> None:
    root = host(found)
    if found.htcondor_config:
        assert cli.main([], root) == 0
        capsys.readouterr()
    assert cli.main(["--check"], root) == status
    golden(name, capsys.readouterr().out)


def test_stdout_renders_and_changes_nothing(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    root = host(WORKER)
    assert cli.main(["--stdout"], root) == 0
    assert capsys.readouterr().out == snippet.render(snippet.decide(WORKER))
    assert list((root / snippet.PATH).parent.iterdir()) == []


def test_written_snippet_is_reported_with_the_next_step(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    root = host(WORKER)
    assert cli.main([], root) == 0
    assert "condor_restart -startd -peaceful" in capsys.readouterr().out
    assert cli.main([], root) == 0
    assert capsys.readouterr().out == f"{root / snippet.PATH} is up to date\n"


def test_host_without_kvm_is_told_at_once(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([], host(dataclasses.replace(WORKER, kvm=BARE.kvm))) == 0
    printed = capsys.readouterr().out
    assert "No VM universe on this node: cannot open /dev/kvm" in printed
    assert "condor-kvm-stage-genconfig --check" in printed
    assert "condor_restart" not in printed


def test_host_without_htcondor_is_one_message_and_a_failure(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([], host(BARE)) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("condor-kvm-stage-genconfig: ")
    assert captured.err.count("\n") == 1


def test_memory_that_leaves_nothing_for_guests_turns_vm_universe_off() -> None:
    assert (
        snippet.decide(dataclasses.replace(WORKER, ram_mib=1000)).no_vm
        == "1000 MiB of RAM leave nothing for virtual machines"
    )


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"condor-kvm-stage-genconfig {__version__}\n"
