"""bash completion of condor-kvm-stage-status: the options of its parser, and files after --metrics."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from condor_kvm_stage.status import cli

FILE = Path(__file__).parents[3] / "packaging/condor-kvm-stage-status.bash"
NAME = "condor-kvm-stage-status"


def complete(*words: str) -> list[str]:
    """The completions for the last of these words."""
    script = f"""
        source "$1"; shift
        registered=($(complete -p {NAME}))
        compopt() {{ :; }}  # outside of a completion it fails
        COMP_WORDS=({NAME} "$@") COMP_CWORD=$#
        "${{registered[2]}}" {NAME}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    command = ["bash", "--norc", "-c", script, "bash", str(FILE), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1] if done.stdout != "\n" else []


def test_options_are_those_of_the_parser() -> None:
    options = {option for action in cli._parser()._actions for option in action.option_strings}
    assert set(complete("--")) == {option for option in options if option.startswith("--")}
    assert complete("--j") == ["--json"]
    assert complete("") == []


@pytest.mark.parametrize("between", [(), ("=",)])
def test_files_are_offered_after_metrics(tmp_path: Path, between: tuple[str, ...]) -> None:
    (tmp_path / "a.prom").touch()
    assert complete("--metrics", *between, f"{tmp_path}/a") == [f"{tmp_path}/a.prom"]
