"""Where a job's directory lies in EXECUTE itself, a process waits for the job's end, and then tidies up after it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from condor_kvm_stage import processes
from condor_kvm_stage.job import Job
from condor_kvm_stage.leftovers import janitor
from support.domain import console_keeper
from support.processes import wait_for

# Says how it was called, what it has open and in its environment, and waits to be killed
PROGRAM = """
import os, sys, time
links = [f"/proc/self/fd/{entry}" for entry in os.listdir("/proc/self/fd")]
open_files = sorted({os.readlink(link) for link in links if os.path.exists(link)})
said = repr((sys.argv[1:], open_files, dict(os.environ), os.getsid(0) == os.getpid(), sys.flags.isolated))
with open(__file__ + ".new", "w") as file:
    file.write(said)
os.rename(__file__ + ".new", __file__ + ".said")
time.sleep(60)
"""


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Job], str]]:
    """Let the janitor begin. Returns what the program that it becomes says, "" if there is none."""
    program = tmp_path / "build-domain"
    program.write_text(PROGRAM)
    monkeypatch.setattr(sys, "argv", [str(program), "1"])
    before = console_keeper.children()

    def begin(where: Job) -> str:
        known = console_keeper.children()
        janitor.start(where.scratch, where.starter, where.started)
        if console_keeper.children() == known:
            return ""
        said = Path(f"{program}.said")
        wait_for(said.exists, "the janitor runs")
        return said.read_text()

    yield begin
    for pid in console_keeper.children() - before:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_janitor_is_there_for_a_directory_in_execute_itself(
    where: Job, tmp_path: Path, begun: Callable[[Job], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing of the builder's open, which the vm-gahp waits for, and by nothing known as the job's."""
    monkeypatch.setenv("_CONDOR_JOB_AD", "/x")
    with open(tmp_path / "builders", "w") as file:
        os.set_inheritable(file.fileno(), True)
        said = begun(replace(where, scratch=f"{tmp_path}/dir_{where.starter}"))
    arguments, open_files, environment, is_leader, isolated = eval(said)
    assert arguments == ["--sweep", str(tmp_path), str(where.starter), str(where.started)]
    assert set(open_files) == {"/dev/null"}
    assert not set(environment) & set(os.environ)
    assert is_leader
    assert isolated


@pytest.mark.parametrize("name", ["dir_1/scratch", "dir_1", "dir_", "x"])
def test_there_is_none_for_a_directory_that_goes_with_another(
    where: Job, tmp_path: Path, begun: Callable[[Job], str], name: str
) -> None:
    assert begun(replace(where, scratch=f"{tmp_path}/{name}")) == ""


def test_janitor_waits_for_the_starter_and_sweeps_then(
    where: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(janitor, "_PAUSE", 0.05)
    ended: list[str] = []
    monkeypatch.setattr("condor_kvm_stage.leftovers.remove.destroy_orphans", lambda host: ended)
    shelter = tmp_path / f"dir_{where.starter}.condor-kvm-stage"
    shelter.mkdir()
    (shelter / "disk").touch()
    thread = threading.Thread(target=janitor.wait_and_sweep, args=(str(tmp_path), where.starter, where.started))
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    assert (shelter / "disk").exists()
    os.kill(where.starter, signal.SIGKILL)
    os.waitpid(where.starter, 0)
    thread.join(10)
    assert not thread.is_alive()
    assert not shelter.exists()


def test_starter_that_has_ended_long_ago_is_not_waited_for(
    where: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("condor_kvm_stage.leftovers.remove.destroy_orphans", lambda host: [])
    janitor.wait_and_sweep(str(tmp_path), where.starter, processes.start_time(where.starter) - 1)
