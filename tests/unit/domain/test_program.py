"""A file that the job brings and names as its executable is its program; sh gives it its arguments and environment."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from condor_kvm_stage.domain import program
from condor_kvm_stage.domain.program import Program
from condor_kvm_stage.failures import NodeError, ParameterError
from support.domain.job_ads import ad_of, string

DISKS = {"disk.qcow2"}
# Not a script of sh's, which leaves out variables that it could not name
PRINTS = f"""\
#!{sys.executable} -IS
import os, sys
print(ascii((sys.argv[1:], dict(os.environ))))
sys.stderr.write(sys.stdin.read())
"""
OWN = {
    "_CONDOR_SCRATCH_DIR": "",
    "_CONDOR_JOB_IWD": "",
    "_CONDOR_JOB_AD": "/.job.ad",
    "_CONDOR_MACHINE_AD": "/.machine.ad",
}
BYTES = st.binary(max_size=8).map(lambda data: data.replace(b"\0", b"").decode("utf-8", "surrogateescape"))
WORDS = st.lists(st.sampled_from(["'", '"', "$HOME", "`id`", "\n", "a b", "-n", "\\", ""]) | BYTES, max_size=6)
NAMES = st.from_regex(r"[A-Z][A-Z0-9._-]{0,5}", fullmatch=True).map(lambda name: f"X{name}")


def brings(scratch: Path, name: str) -> Path:
    path = scratch / name
    path.write_text(PRINTS, encoding="utf-8")
    return path


def found(scratch: Path, **changes: str | None) -> Program | None:
    return program.find(ad_of(**changes), str(scratch), DISKS)


@pytest.mark.parametrize("command", ["analyse.sh", "/home/alice/analyse.sh", "bin/analyse.sh"])
def test_file_that_is_brought_is_the_program(tmp_path: Path, command: str) -> None:
    brings(tmp_path, "analyse.sh")
    ad = {"Cmd": string(command), "Arguments": string("--seed 0"), "Environment": string("MODE=fast")}
    expected = Program("analyse.sh", ["--seed", "0"], ["MODE=fast"], "program.out", "program.err")
    assert found(tmp_path, **ad) == expected


@pytest.mark.parametrize(
    "command", ["my-virtual-machine", "/bin/ls", "disk.qcow2", "", ".", "..", ".job.ad", "_condor_x"]
)
def test_label_is_none(tmp_path: Path, command: str) -> None:
    for name in ("disk.qcow2", ".job.ad", "_condor_x"):
        brings(tmp_path, name)
    assert found(tmp_path, Cmd=string(command), Arguments=string("'")) is None


def test_what_is_not_a_file_is_a_label(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("/bin/sh")
    os.mkfifo(tmp_path / "fifo")
    for name in ("directory", "link", "fifo"):
        assert found(tmp_path, Cmd=string(name)) is None


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ({}, ("program.out", "program.err")),
        ({"Out": "/dev/null", "Err": "/dev/null"}, ("program.out", "program.err")),
        ({"Out": "a.out"}, ("a.out", "program.err")),
        ({"Out": "a.out", "Err": "a.out"}, ("a.out", "a.out")),
    ],
)
def test_output_goes_where_htcondor_takes_it(tmp_path: Path, changes: dict[str, str], places: tuple[str, str]) -> None:
    brings(tmp_path, "p")
    program_found = found(tmp_path, Cmd=string("p"), **{name: string(text) for name, text in changes.items()})
    assert program_found
    assert (program_found.stdout, program_found.stderr) == places


@pytest.mark.parametrize(
    "name", ["logs/a.out", "/tmp/a.out", ".a", "a b", "$(id)", "console.log", "disk.qcow2", "p", "xen.mem.ckpt"]
)
def test_output_that_cannot_be_taken_is_refused(tmp_path: Path, name: str) -> None:
    brings(tmp_path, "p")
    with pytest.raises(ParameterError):
        found(tmp_path, Cmd=string("p"), Out=string(name))


def test_program_that_cannot_be_run_as_it_is_named_is_refused(tmp_path: Path) -> None:
    brings(tmp_path, "a=b")
    with pytest.raises(ParameterError, match="equals sign"):
        found(tmp_path, Cmd=string("a=b"))


def test_file_of_the_outputs_name_is_refused_before_it_is_lost(tmp_path: Path) -> None:
    brings(tmp_path, "p")
    brings(tmp_path, "program.err")
    with pytest.raises(ParameterError, match=r"another file program\.err"):
        found(tmp_path, Cmd=string("p"))


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(WORDS, st.dictionaries(NAMES, BYTES, max_size=3), st.sampled_from(["p", "it's $HOME", "-n"]))
def test_program_gets_any_arguments_and_environment(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], variables: dict[str, str], name: str
) -> None:
    place = tmp_path_factory.mktemp("job")
    brings(place, name)
    environment = [f"{key}={value}" for key, value in variables.items()]
    program.write(Program(name, words, environment, "program.out", "program.err"), str(place))
    subprocess.run(
        ["sh", ".condor-kvm-stage/program"], cwd=place, env={"PATH": os.environ["PATH"]}, timeout=30, check=True
    )
    printed, environ = ast.literal_eval((place / "program.out").read_text(encoding="ascii"))
    assert printed == words
    expected = {**{key: f"{place}{value}" for key, value in OWN.items()}, **variables}
    assert {key: environ.get(key) for key in expected} == expected
    assert (place / "program.err").read_bytes() == b"", "its input is empty"


def test_both_outputs_can_be_one_file(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("#!/bin/sh\necho out\necho err >&2\nexit 3\n", encoding="utf-8")
    program.write(Program("p", [], [], "o", "o"), str(tmp_path))
    assert subprocess.run(["sh", ".condor-kvm-stage/program"], cwd=tmp_path, timeout=30, check=False).returncode == 3
    assert (tmp_path / "o").read_text(encoding="utf-8") == "out\nerr\n"


def test_status_says_that_it_has_not_ended(tmp_path: Path) -> None:
    program.write(Program("p", [], [], "o", "e"), str(tmp_path))
    assert (tmp_path / ".condor-kvm-stage/status").read_bytes() == b"running\n"
    assert ((tmp_path / "o").read_bytes(), (tmp_path / "e").read_bytes()) == (b"", b""), "they come back in any case"


def test_directory_of_that_name_is_the_jobs_fault_and_another_failure_is_the_nodes(tmp_path: Path) -> None:
    (tmp_path / ".condor-kvm-stage").symlink_to("/etc")
    with pytest.raises(ParameterError, match="which this node makes itself"):
        program.write(Program("p", [], [], "o", "e"), str(tmp_path))
    with pytest.raises(NodeError, match="No such file or directory"):
        program.write(Program("p", [], [], "o", "e"), f"{tmp_path}/none")
