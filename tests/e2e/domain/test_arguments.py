"""Arguments and environment are split as by HTCondor: its own function of ClassAds (argsToList) is the oracle."""

from __future__ import annotations

import random
from pathlib import Path

import classad2
import pytest

from condor_kvm_stage.domain import arguments
from condor_kvm_stage.failures import ParameterError
from testnode import root
from testnode.recipe import Release
from testnode.run import run

_PARTS = ["a", "b=c", "'", "''", "' '", " ", "\t", "\n", '"', "\\", "\\\\", "$(X)", "é", ";", "--"]
_COUNT = 400


def split(text: str) -> list[str] | None:
    try:
        return arguments.split(text, "arguments")
    except ParameterError:
        return None


def oracle(place: Path, texts: list[str]) -> list[list[str] | None]:
    """Return what HTCondor makes of each text, None for what it refuses."""
    expressions = [str(classad2.ExprTree(f"argsToList({classad2.quote(text)})")) for text in texts]
    printed = run(["chroot", place, "classad_eval", *expressions], timeout=60).stdout
    answers = [line for line in printed.splitlines() if line != "[  ]"]  # that is the ad, which is empty
    values = [classad2.ExprTree(answer).eval() for answer in answers]
    return [list(value) if isinstance(value, list) else None for value in values]


@pytest.mark.parametrize("release", [Release.TESTING, pytest.param(Release.TRIXIE, marks=pytest.mark.full)])
def test_texts_are_split_as_by_htcondor(release: Release) -> None:
    choose = random.Random(21)
    texts = ["".join(choose.choices(_PARTS, k=choose.randrange(1, 12))) for _ in range(_COUNT)]
    with root.cached(release) as place:
        expected = oracle(place, texts)
    assert len(expected) == _COUNT
    assert [split(text) for text in texts] == expected
    assert expected.count(None) > 20, "some are refused"
