"""Whose job it is, and where, the environment and /proc say: where they say nonsense, nothing is believed."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condor_kvm_stage import job, processes
from condor_kvm_stage.failures import NodeError
from condor_kvm_stage.job import Job
from support.domain import fake_starter
from support.domain.fake_starter import Starter

SCRATCH = "/var/lib/condor/execute/dir_287/scratch"
ENVIRONMENT = {"VMGAHP_WORKING_DIR": SCRATCH, "VMGAHP_USER_UID": "1000", "VMGAHP_USER_GID": "1001"}


@pytest.fixture
def starter() -> Iterator[Starter]:
    with fake_starter.starter() as process:
        yield process


def test_builder_is_told_by_its_environment_and_finds_the_starter_above_the_vm_gahp(starter: Starter) -> None:
    found = job.of_builder(ENVIRONMENT, starter.gahp)
    assert found == Job(SCRATCH, 1000, 1001, starter.pid, found.started)
    since_boot = found.started / os.sysconf("SC_CLK_TCK")
    assert 0 <= time.clock_gettime(time.CLOCK_BOOTTIME) - since_boot < 60


def test_process_with_the_name_of_a_statistic_is_no_other_one() -> None:
    """The name stands in brackets among the numbers, and can be anything."""
    code = "open('/proc/self/comm', 'w').write(') S 1 1 ('); print(flush=True); input()"
    with subprocess.Popen(["python3", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        found = job.of_builder(ENVIRONMENT, process.pid)
        process.communicate(b"\n")
    assert found.starter == os.getpid()


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "x",
        "-1",
        "0",
        "4294967296",
        "1 ",
        "1.0",
        "\u0661",
        "./scratch",
        "/a/../b",
        "/a/",
        "/a//b",
        "/a\nb",
        "/\udcff",
    ],
)
def test_environment_that_is_not_htcondors_is_not_believed(starter: Starter, name: str, text: str | None) -> None:
    environment = {**ENVIRONMENT, name: text} if text is not None else {**ENVIRONMENT}
    if text is None:
        del environment[name]
    with pytest.raises(NodeError, match=f"{name} in the environment is not a.*; only HTCondor runs this program"):
        job.of_builder(environment, starter.gahp)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(ENVIRONMENT)), st.text()))
def test_whatever_the_environment_says_is_a_place_and_a_user_or_a_failure(environment: dict[str, str]) -> None:
    try:
        found = job.of_builder({**ENVIRONMENT, **environment}, os.getpid())
    except NodeError as error:
        assert str(error).isprintable()
    else:
        assert found.scratch.startswith("/")
        assert found.scratch.isprintable()
        assert "/../" not in f"{found.scratch}/"
        assert min(found.uid, found.gid) > 0


def test_hook_is_of_the_user_who_runs_it() -> None:
    assert job.of_hook({"_CONDOR_SCRATCH_DIR": SCRATCH}) == Job(SCRATCH, os.getuid(), os.getgid())
    with pytest.raises(NodeError, match="_CONDOR_SCRATCH_DIR in the environment is not an absolute path"):
        job.of_hook(ENVIRONMENT)


def test_process_is_alive_until_it_has_ended(starter: Starter) -> None:
    started = processes.start_time(starter.pid)
    assert processes.is_alive(starter.pid, started)
    starter.end()
    assert not processes.is_alive(starter.pid, started)
    with pytest.raises(NodeError, match=f"there is no process {starter.pid}, which should be one of HTCondor's"):
        processes.start_time(starter.pid)


def test_other_process_of_the_same_number_is_not_the_one_that_was() -> None:
    assert not processes.is_alive(os.getpid(), processes.start_time(os.getpid()) - 1)


def test_vm_gahp_that_has_ended_is_a_failure() -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    with pytest.raises(NodeError, match="there is no process"):
        job.of_builder(ENVIRONMENT, ended.pid)
