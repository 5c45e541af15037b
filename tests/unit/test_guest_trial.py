"""The report on trial guests, from the builder's program to the generator."""

from __future__ import annotations

import pytest

from condor_kvm_stage import guest_trial
from condor_kvm_stage.guest_trial import Label, Report, Start


def test_report_comes_back_as_it_was_written() -> None:
    report = Report([Start("nat", "no bridge", "make one", is_known=False)], [Label("/x", "denied", "allow it")], "/x")
    assert guest_trial.from_json(guest_trial.to_json(report)) == report


@pytest.mark.parametrize("text", ["", "\n", '{"starts": ['])
def test_program_that_was_interrupted_gave_no_report(text: str) -> None:
    assert guest_trial.from_json(text) is None
