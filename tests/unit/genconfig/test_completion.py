"""bash completion of condor-kvm-stage-genconfig, called like bash does."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

import pytest

from condor_kvm_stage.genconfig import cli
from support import completion

NAME = "condor-kvm-stage-genconfig"
complete = functools.partial(completion.complete, NAME)
OPTIONS = {option for action in cli._parser()._actions for option in action.option_strings if option[:2] == "--"}


def test_options_are_those_of_the_parser() -> None:
    offered = complete("--")
    assert set(offered) == OPTIONS
    assert len(offered) == len(OPTIONS)


def test_beginning_of_an_option_is_completed_after_others_too() -> None:
    assert complete("--ch") == ["--check"]
    assert complete("--check", "--js") == ["--json"]
    assert complete("--check", "nfs:///x:y", "--q") == ["--quiet"]


@pytest.mark.parametrize("words", [("",), ("--check", ""), ("--check", "nfs:///s"), ("--unknown",)])
def test_where_no_option_is_begun_nothing_is_offered(words: tuple[str, ...]) -> None:
    assert complete(*words) == []


@pytest.mark.parametrize("between", [(), ("=",)])
def test_directories_and_no_files_are_offered_after_root(tmp_path: Path, between: tuple[str, ...]) -> None:
    (tmp_path / "a tree").mkdir()
    (tmp_path / "a file").touch()
    (tmp_path / "b").mkdir()
    assert complete("--root", *between, f"{tmp_path}/a") == [f"{tmp_path}/a tree"]
    assert sorted(complete("--root", *between, f"{tmp_path}/")) == [f"{tmp_path}/a tree", f"{tmp_path}/b"]


def test_root_with_an_equals_sign_and_nothing_more_offers_directories() -> None:
    assert "tests" in complete("--root", "=")


def test_key_tab_completes_a_directory_with_a_blank_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "a tree").mkdir()
    typed = f"source {completion.file(NAME)}\n{NAME}() {{ printf '<%s>' \"$@\"; }}\n{NAME} --root {tmp_path}/a\t\n"
    done = subprocess.run(
        ["bash", "--norc", "-i"],
        input=typed,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        start_new_session=True,  # so that it leaves the terminal of whoever runs the tests alone
        env={**os.environ, "TERM": "dumb", "HISTFILE": "", "INPUTRC": os.devnull},
    )
    assert done.stdout == f"<--root><{tmp_path}/a tree/>", done.stderr
