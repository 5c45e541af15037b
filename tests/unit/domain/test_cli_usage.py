"""The programs that HTCondor runs, run by hand: they say what they are for, and do nothing."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

import pytest

from condor_kvm_stage.domain import cli, hook
from condor_kvm_stage.plugin import cli as plugin


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize(("main", "name"), [(cli.main, "build-domain"), (hook.main, "condor-kvm-stage-prepare")])
def test_help_names_who_runs_it(
    main: Callable[[list[str]], int], name: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([option]) == 0
    output = capsys.readouterr().out
    assert output.startswith(f"usage: {name} ")
    assert "condor-kvm-stage-domain(8)" in output
    assert max(len(line) for line in output.splitlines()) <= 90


def test_builder_without_a_vm_gahp_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert capsys.readouterr().err.startswith("usage: build-domain ")


def test_hook_on_a_terminal_does_not_wait_for_a_job(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal())
    assert hook.main() == 2
    assert capsys.readouterr().err.startswith("usage: condor-kvm-stage-prepare ")


def test_hook_without_input_lets_the_job_through_to_the_builder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert hook.main() == 0
    assert capsys.readouterr() == ("", "")


def test_help_of_the_plugin_fits_a_terminal() -> None:
    assert max(len(line) for line in plugin.USAGE.splitlines()) <= 82
