"""The generator's command line: its version, and wrong usage."""

from __future__ import annotations

import itertools

import pytest

from condor_kvm_stage import __version__
from condor_kvm_stage.genconfig import cli
from support.fake_node import FakeNode, files


def usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the message for invalid arguments."""
    with pytest.raises(SystemExit) as raised:
        cli.main(arguments)
    assert raised.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        cli.main(["--version"])
    assert raised.value.code == 0
    assert capsys.readouterr().out == f"condor-kvm-stage-genconfig {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [*itertools.permutations(["--apply", "--check", "--diff", "--remove", "--stdout", "--write"], 2)]
)
def test_one_thing_is_done_at_a_time(arguments: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "not allowed with argument" in usage_error([*arguments], capsys)


@pytest.mark.parametrize("arguments", [["--json"], ["--apply", "--json"], ["--stdout", "--json"]])
def test_json_belongs_to_check(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "--json belongs to --check" in usage_error(arguments, capsys)


@pytest.mark.parametrize("arguments", [["--quiet"], ["--diff", "--quiet"], ["--stdout", "--quiet"]])
def test_quiet_belongs_to_what_says_more_than_it_shows(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "--quiet belongs to --apply, --check and --remove" in usage_error(arguments, capsys)


@pytest.mark.parametrize("what", [["--apply"], ["--check"], ["--remove"], []])
def test_tree_that_does_not_run_is_only_rendered_for(what: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "--root goes with --write, --diff or --stdout" in usage_error(["--root", "/tree", *what], capsys)


@pytest.mark.parametrize("arguments", [["--verbose"], ["--apply", "--verbose"]])
def test_verbose_belongs_to_check(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "--verbose belongs to --check" in usage_error(arguments, capsys)


@pytest.mark.parametrize("other", ["--quiet", "--json"])
def test_verbose_does_not_go_with_another_form(other: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--verbose goes with neither" in usage_error(["--check", "--verbose", other], capsys)


def test_name_alone_prints_the_usage_and_changes_nothing(node: FakeNode, capsys: pytest.CaptureFixture[str]) -> None:
    before = list(files(node.root))
    assert cli.main([], node) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("usage: condor-kvm-stage-genconfig ")
    assert "--apply" in printed.err
    assert printed.out == ""
    assert (list(files(node.root)), node.asked) == (before, [])


@pytest.mark.parametrize("arguments", [["--aply"], ["surplus"], ["--root"]])
def test_unknown_words_are_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert usage_error(arguments, capsys).startswith("condor-kvm-stage-genconfig: error: ")
