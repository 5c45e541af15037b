"""The hook says beforehand, in words and with a sub-code, why a job would be refused; of others it says nothing."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from condor_kvm_stage.domain import cli, job_ad
from condor_kvm_stage.installed import DOMAINS
from condor_kvm_stage.job import Job
from hostile import qcow2
from support import installed_plugin
from support.domain.builder_in_process import Programs
from support.domain.disk_files import put
from support.domain.job_ads import MACHINE_AD, ad_of, string
from support.processes import NOBODY

REPOSITORY = Path(__file__).parents[3]
TAILED = 'Out = "console.log"\n'  # what the starter is told of a job's output
# exit statuses of sysexits.h
PARAMETER, SPECIFICATION, BUG, AUTHORIZATION, NODE = 64, 65, 70, 77, 78


@pytest.fixture
def hook(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], str]:
    """The hook, as the job's user as far as whose the files are is concerned."""
    where = programs.where
    monkeypatch.setattr(cli, "of_hook", lambda _: Job(where.scratch, where.uid, where.gid))
    return programs.hook


def told(output: str) -> tuple[int, str]:
    """The sub-code and the message."""
    found = re.fullmatch(r'HookStatusMessage = "([^"\\\n]*)"\nHookStatusCode = (\d+)\n', output)
    assert found, output
    return int(found[2]), found[1]


def test_job_that_is_good_is_let_through_and_condor_tail_shows_its_console(
    hook: Callable[[bytes], str], scratch: Path
) -> None:
    put(scratch / "disk.qcow2", qcow2())
    assert hook(ad_of()) == TAILED
    assert hook(ad_of(VMPARAM_VM_NAME=None, VM_WORKING_DIR=None)) == TAILED
    assert hook(ad_of(Out='"/dev/null"')) == TAILED, "what condor_submit writes"
    assert sorted(os.listdir(scratch)) == [".machine.ad", "disk.qcow2"]


@pytest.mark.parametrize("output", ['"mine.txt"', 'strcat("a", "b")', '"a\\\\b"'])
def test_output_that_a_job_has_of_its_own_stays(hook: Callable[[bytes], str], scratch: Path, output: str) -> None:
    put(scratch / "disk.qcow2", qcow2())
    assert hook(ad_of(Out=output)) == ""


def _nothing(path: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("make", "changes", "code", "message"),
    [
        (
            _nothing,
            {},
            SPECIFICATION,
            r"there is no disk disk\.qcow2 in the scratch directory .* the job brought no file",
        ),
        (
            lambda path: put(path.with_name("disk1.qcow2")),
            {},
            SPECIFICATION,
            r"there is no disk disk\.qcow2 in the scratch directory .* the job brought disk1\.qcow2",
        ),
        (lambda path: path.symlink_to("/etc/shadow"), {}, SPECIFICATION, r"disk disk\.qcow2 is a symlink"),
        (lambda path: put(path, bytes(512)), {}, SPECIFICATION, "is raw, but vm_disk says qcow2"),
        (put, {"VMPARAM_vm_Disk": '"/etc/shadow:vda:r:raw"'}, AUTHORIZATION, "one that the job has brought"),
        (put, {"VMPARAM_vm_Disk": '"a<&>:vda:w\x07"'}, AUTHORIZATION, "vm_disk has 'a<&>:vda:w/x07'"),
        (put, {"JobVMCheckpoint": "true"}, AUTHORIZATION, "write vm_checkpoint = False"),
        (put, {"JobVMMemory": '"1"'}, PARAMETER, "the job's JobVMMemory is '1'; it must be a whole number"),
        (lambda path: put(path.with_name("console.log")), {}, PARAMETER, "rename that file"),
        (
            lambda path: put(path.with_name(".machine.ad"), b"Cpus = 1\nMemory = 128\n"),
            {"JobVMMemory": "512"},
            PARAMETER,
            "vm_memory, is 512 MiB, and the job's slot has 128; write request_memory = 512",
        ),
        (lambda path: path.with_name(".machine.ad").unlink(), {}, NODE, "does not say how much memory"),
    ],
)
def test_job_that_would_be_refused_is_told_why(
    hook: Callable[[bytes], str],
    scratch: Path,
    make: Callable[[Path], object],
    changes: dict[str, str],
    code: int,
    message: str,
) -> None:
    make(scratch / "disk.qcow2")
    found, said = told(hook(ad_of(**changes)))
    assert found == code
    assert re.search(message, said)


@pytest.mark.parametrize("universe", ["5", "7", "1300", None, "undefined"])
def test_job_of_another_universe_is_none_of_its_business(
    hook: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch, universe: str | None
) -> None:
    """Whatever is in its ad, and wherever it runs."""
    monkeypatch.setattr(cli, "of_hook", lambda _: 1 // 0)
    assert hook(ad_of(JobUniverse=universe)) == ""
    assert hook(ad_of(JobUniverse=universe, Args=string("a\nJobUniverse = 12"))) == ""
    assert hook(ad_of(JobUniverse=universe, Args=string("a\nJOBUNIVERSE = 12\nJobUniverse = 13\nb"))) == ""
    assert hook(ad_of(JobUniverse=universe, Environment=string("x" * job_ad.LARGEST))) == ""


def test_nothing_to_read_is_no_job(hook: Callable[[bytes], str]) -> None:
    assert hook(b"") == ""


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_let_through_or_told_about(hook: Callable[[bytes], str], data: bytes) -> None:
    output = hook(b"JobUniverse = 13\n" + data)
    assert output == "" or told(output)


def test_policy_that_is_broken_is_told_as_the_nodes_fault(
    hook: Callable[[bytes], str], site_policy: Callable[[str], None]
) -> None:
    site_policy("nonsense")
    code, message = told(hook(ad_of()))
    assert code == NODE
    assert "config.toml" in message


def test_environment_that_is_not_htcondors_is_told_as_the_nodes_fault(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("_CONDOR_SCRATCH_DIR")
    assert told(programs.hook(ad_of()))[0] == NODE


def test_bug_is_told_as_one(
    hook: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("condor_kvm_stage.domain.request.parse", lambda *_: 1 // 0)
    code, message = told(hook(ad_of()))
    assert code == BUG
    assert message.startswith("bug in condor-kvm-stage-prepare, please report it: ZeroDivisionError: ")
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_program_itself_does_it_as_the_jobs_user(where: Job, scratch: Path, tmp_path: Path) -> None:
    text = (REPOSITORY / "scripts/condor-kvm-stage-prepare").read_text(encoding="utf-8")
    interpreter, *options = text.splitlines()[0].split()
    assert interpreter == "#!/usr/bin/python3"
    modules = installed_plugin.copy_modules(tmp_path)
    constants = modules / "condor_kvm_stage/installed.py"
    constants.write_text(constants.read_text().replace(f'"{DOMAINS}"', f'"{tmp_path}/domains"'))
    (tmp_path / "domains").mkdir()
    os.chown(tmp_path / "domains", 107, 107)
    program = tmp_path / "prepare"
    program.write_text(text.replace("/usr/share/condor-kvm-stage/python", str(modules)), encoding="utf-8")
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]

    def run(data: bytes) -> str:
        command = [*user, interpreter[2:], *options, str(program)]
        environment = {"_CONDOR_SCRATCH_DIR": str(scratch), "PATH": os.environ["PATH"]}
        return subprocess.run(command, input=data, capture_output=True, env=environment, check=True).stdout.decode()

    put(scratch / "disk.qcow2", qcow2())
    put(scratch / ".machine.ad", MACHINE_AD)
    assert run(ad_of()) == TAILED
    put(scratch / "disk.qcow2", qcow2(backing=b"/etc/shadow", backing_format=b"raw"))
    code, message = told(run(ad_of()))
    assert code == AUTHORIZATION
    assert "/etc/shadow" in message
