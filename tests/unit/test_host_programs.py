"""A host's programs as they are run: in an environment of their own, as whom, and for how long at most."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from condor_kvm_stage.answer import NO_STATUS, Answer
from condor_kvm_stage.host import Host
from support.fake_host import add_program
from support.processes import NOBODY, runs, wait_for


@pytest.fixture
def open_stdin() -> Iterator[None]:
    """An input that never ends, in the place of the one that pytest gives to tests."""
    kept, (reader, writer) = os.dup(0), os.pipe()
    os.dup2(reader, 0)
    try:
        yield
    finally:
        os.dup2(kept, 0)
        for descriptor in (kept, reader, writer):
            os.close(descriptor)


def test_output_errors_and_status_of_a_program_are_told_apart(host: Host) -> None:
    add_program(host, '#!/bin/sh\necho "said $1 $2"\necho wrong >&2\nexit 3\n')
    answer = host.run("program", "a b", "c")
    assert answer == Answer(3, "said a b c\n", "wrong\n")
    assert answer.reason == "wrong"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(1, "first\nlast \n"), "last"),
        (Answer(1, "output", "one\ntwo\n"), "two"),
        (Answer(4), "exit status 4"),
        (Answer(-1, fault="no program x"), "no program x"),
    ],
)
def test_reason_is_one_line_also_of_a_program_that_says_nothing(answer: Answer, reason: str) -> None:
    assert answer.reason == reason


def test_program_that_a_signal_ends_has_no_status(host: Host) -> None:
    add_program(host, "#!/bin/sh\nkill -9 $$\n")
    assert host.run("program").status == -1


def test_program_that_is_not_there_is_an_answer(host: Host) -> None:
    assert host.run("program") == Answer(-1, fault="no program program")


def test_program_that_cannot_be_run_is_an_answer(host: Host) -> None:
    add_program(host, "no program at all")
    assert host.run("program") == Answer(-1, fault="cannot run program: Exec format error")


def test_program_that_does_not_end_is_given_up_in_time_and_killed(host: Host, tmp_path: Path) -> None:
    add_program(host, f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 3600\n")
    answer = host.run("program", timeout=1)
    assert answer == Answer(-1, fault="program did not end within 1 s")
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: not runs(pid), "the program was killed")


@pytest.mark.usefixtures("open_stdin")
def test_program_has_no_input(host: Host) -> None:
    add_program(host, "#!/bin/sh\ncat\necho end\n")
    assert host.run("program", timeout=5) == Answer(0, "end\n")


def test_program_gets_the_input_that_it_is_given_and_no_more(host: Host) -> None:
    add_program(host, "#!/bin/sh\ncat\necho end\n")
    assert host.start("program", given="a\nb\n")() == Answer(0, "a\nb\nend\n")
    add_program(host, "#!/bin/sh\n")
    assert host.start("program", given="read by nobody\n")() == Answer(0)


def test_program_has_an_environment_of_its_own_in_the_c_locale(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages are read by us; and what the caller has in his environment is no business of root's programs."""
    monkeypatch.setenv("LANGUAGE", "de")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/tmp")
    add_program(host, "#!/usr/bin/env sh\nexec env\n")
    said = host.run("program", environment={"MINE": "a=b"}).output.splitlines()
    assert {"LC_ALL=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "MINE=a=b"} <= set(said)
    assert not [line for line in said if line.startswith(("LANGUAGE=", "LD_LIBRARY_PATH="))]


def test_program_runs_in_no_directory_that_could_hang_or_go_away(host: Host) -> None:
    add_program(host, "#!/bin/sh\npwd\n")
    assert host.run("program").output == "/\n"


def test_output_that_is_no_utf_8_is_still_an_answer(host: Host) -> None:
    add_program(host, "#!/bin/sh\nprintf 'a\\377b'\n")
    assert host.run("program").output == "a\ufffdb"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_root_runs_a_program_as_a_user_without_any_other_group(host: Host) -> None:
    user = pwd.getpwuid(NOBODY)
    add_program(host, "#!/bin/sh\nid -u; id -g; id -G\n")
    assert host.run("program", user=user.pw_name).output.split() == [str(user.pw_uid), *[str(user.pw_gid)] * 2]


def test_others_cannot_be_another_user(host: Host, request: pytest.FixtureRequest) -> None:
    add_program(host, "#!/bin/sh\n")
    request.getfixturevalue("job_user")
    assert host.run("program", user="root").fault == "cannot run program: Operation not permitted"
    assert (host.is_root(), host.job_user()) == (False, "")


@pytest.mark.parametrize(("known", "user"), [(("condor", "nobody"), "condor"), (("nobody",), "nobody"), ((), "")])
def test_jobs_user_is_condor_or_nobody(monkeypatch: pytest.MonkeyPatch, known: tuple[str, ...], user: str) -> None:
    def getpwnam(name: str) -> pwd.struct_passwd:
        if name not in known:
            raise KeyError(name)
        return pwd.struct_passwd((name, "x", 1, 1, "", "/", "/bin/sh"))

    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("pwd.getpwnam", getpwnam)
    assert Host().job_user() == user


def test_deadline_is_for_all_programs_together(host: Host) -> None:
    add_program(host, "#!/bin/sh\nexec sleep 3600\n")
    host.deadline = time.monotonic() + 0.5
    for _ in range(3):
        answer = host.run("program")
        assert (answer.late, answer.status) == (True, NO_STATUS)
        assert answer.fault == "program did not end within the time that was left for it"
    assert host.running == []


def test_program_that_is_there_but_cannot_be_run_is_not_said_to_be_missing(host: Host) -> None:
    add_program(host, "#!/bin/sh\n", mode=0o644)
    assert host.run("/usr/bin/program").fault == "/usr/bin/program is not executable"
    assert host.run("/usr/bin/other").fault == "no program /usr/bin/other"
