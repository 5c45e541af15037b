"""A job's exit status is that of its program, or says what kept the program from ending."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.gahp import program_end
from condor_kvm_stage.gahp.program_end import ProgramEnd
from condor_kvm_stage.job import UNMOUNTED, Job
from support.processes import NOBODY

IS_ROOT = os.geteuid() == 0


def job(tmp_path: Path) -> Job:
    """A job whose program runs."""
    user = NOBODY if IS_ROOT else os.getuid()
    tmp_path.chmod(0o711)
    place = tmp_path / ".condor-kvm-stage"
    place.mkdir()
    (place / "status").write_text("running\n")
    for path in (place, place / "status"):
        os.chown(path, user, -1)
    return Job(str(tmp_path), user, user)


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("exited 0\n", 0, ""),
        ("exited 3\n", 3, ""),
        ("exited 255\n", 255, ""),
        ("killed KILL\n", 137, "SIGKILL"),
        ("dumped SEGV\n", 139, "SIGSEGV"),
        ("killed RTMIN+3\n", 128, "SIGRTMIN+3"),
    ],
)
def test_status_is_what_the_guest_says_of_the_program(text: str, status: int, said: str) -> None:
    found = program_end.of_texts(text, b"")
    assert (found.status, found.has_ended) == (status, True)
    assert said in found.text
    assert bool(found.text) == bool(said)


@pytest.mark.parametrize(
    "text", ["", "running\n", "exited 3", "exited 256\n", "exited -1\n", "exited KILL\n", "x\n" * 50]
)
def test_program_of_which_nothing_is_said_has_a_status_of_its_own(text: str) -> None:
    assert program_end.of_texts(text, b"").status == 76
    assert program_end.of_texts(text, f"x\n{UNMOUNTED} (virtiofs)\r\nPowering off".encode()).status == 72


@given(st.text(max_size=20))
def test_any_text_gives_a_status_that_a_process_can_have(text: str) -> None:
    found = program_end.of_texts(text, b"")
    assert 0 <= found.status < 256
    assert found.has_ended == (found.status not in (72, 76))


def test_job_without_a_program_has_no_end_of_one(tmp_path: Path) -> None:
    assert program_end.read(Job(str(tmp_path), os.getuid(), os.getgid())) is None


def test_status_is_read_as_the_jobs_user(tmp_path: Path) -> None:
    where = job(tmp_path)
    (tmp_path / ".condor-kvm-stage/status").write_text("exited 3\n")
    assert program_end.read(where) == ProgramEnd(3, "")


def _is_a_link(status: Path) -> None:
    status.with_name("other").write_text("exited 3\n")
    status.symlink_to("other")


@pytest.mark.parametrize("make", [_is_a_link, os.mkfifo, os.mkdir, lambda status: None])
@pytest.mark.timeout(20)
def test_what_is_no_file_says_nothing(tmp_path: Path, make: Callable[[Path], object]) -> None:
    where = job(tmp_path)
    status = tmp_path / ".condor-kvm-stage/status"
    status.unlink()
    make(status)
    found = program_end.read(where)
    assert found
    assert found.status == 76


@pytest.mark.skipif(not IS_ROOT, reason="only root can be another user")
def test_files_of_others_are_not_read(tmp_path: Path) -> None:
    where = job(tmp_path)
    secret = tmp_path / "secret"
    secret.mkdir(mode=0o700)
    (secret / "status").write_text("exited 3\n")
    place = tmp_path / ".condor-kvm-stage"
    (place / "status").unlink()
    place.rmdir()
    place.symlink_to(secret)
    found = program_end.read(where)
    assert found
    assert found.status == 76


def test_file_that_cannot_be_read_in_time_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = job(tmp_path)
    monkeypatch.setattr(program_end, "_TIMEOUT", 0.2)
    monkeypatch.setattr("condor_kvm_stage.scratch_files.read", lambda *_: time.sleep(60))
    found = program_end.read(where)
    assert found
    assert (found.status, found.has_ended) == (76, False)
    assert found.text.startswith("it is not known how the job's program has ended: ")
