"""What START requires: a condition that a VM job can avoid does not count."""

from __future__ import annotations

import pytest

from condor_kvm_stage.genconfig.snippet import start_guard
from condor_kvm_stage.genconfig.snippet.guard_in_start import requires

GUARD = start_guard.start(list(start_guard.attributes([])))


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (GUARD, True),
        (f"(True) && {GUARD}", True),
        (f"(({GUARD})) && (a =?= b)", True),
        (f'((x || y) && ({GUARD} && "a || b" == c))', True),
        (f"/Expr((true) && {GUARD})/", True),
        (" && ".join(f"MY.{name}" for name in start_guard.attributes([])), True),
        # without MY. the job's own attribute counts where the slot has none
        (" && ".join(start_guard.attributes([])), False),
        (f"({GUARD}) || TARGET.Owner == x", False),
        (f"(True && {GUARD}) || (TARGET.JobUniverse == 13)", False),
        (f"TARGET.Owner == x || True && {GUARD}", False),
        (f"x ? True : {GUARD}", False),
        (f"!{GUARD}", False),
        (f"(TARGET.JobUniverse =!= 13 || Owner == x || {GUARD})", False),
        (f"{GUARD} == False", False),
        (f'"{GUARD}"', False),
        (GUARD.replace("MY.VmJobSizeIsNumbers && ", ""), False),
        ("True", False),
        ("", False),
        (")(", False),
        ("(", False),
    ],
)
def test_start_requires_the_conditions(start: str, expected: bool) -> None:
    assert requires(start, start_guard.attributes([])) is expected
