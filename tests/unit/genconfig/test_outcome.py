"""An outcome is in exactly one of its states."""

from __future__ import annotations

import pytest

from condor_kvm_stage.genconfig.outcome import PASSED, Outcome, failed, not_tried


@pytest.mark.parametrize(
    ("outcome", "states", "reason"),
    [
        (PASSED, (True, False, True), ""),
        (failed("no answer"), (False, True, True), "no answer"),
        (not_tried("only root can"), (False, False, False), "only root can"),
    ],
)
def test_outcome_has_one_state_and_its_reason(outcome: Outcome, states: tuple[bool, bool, bool], reason: str) -> None:
    assert (outcome.passed, outcome.failed, outcome.tried) == states
    assert outcome.reason == reason


def test_failure_without_a_reason_is_a_failure() -> None:
    assert failed("").failed
    assert failed("") != PASSED
