"""bash completion of condor-kvm-stage-status: the options of its parser, and files after --metrics."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from condor_kvm_stage.status import cli
from support import completion

complete = functools.partial(completion.complete, "condor-kvm-stage-status")


def test_options_are_those_of_the_parser() -> None:
    options = {option for action in cli._parser()._actions for option in action.option_strings}
    assert set(complete("--")) == {option for option in options if option.startswith("--")}
    assert complete("--j") == ["--json"]
    assert complete("") == []


@pytest.mark.parametrize("between", [(), ("=",)])
def test_files_are_offered_after_metrics(tmp_path: Path, between: tuple[str, ...]) -> None:
    (tmp_path / "a.prom").touch()
    assert complete("--metrics", *between, f"{tmp_path}/a") == [f"{tmp_path}/a.prom"]
