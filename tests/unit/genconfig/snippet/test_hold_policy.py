"""The settings by which the filter has a job put on hold, evaluated by HTCondor's ClassAd library: for it alone."""

from __future__ import annotations

import re
import time

import classad2
import pytest

from support.snippet_text import rendered
from unit.genconfig.snippet.test_render import VALUES

pytestmark = pytest.mark.needs_classad2

DEFAULTS = {"PREEMPT": "False"}
SITE = {"PREEMPT": "TARGET.Greedy =?= true", "WANT_HOLD": "TARGET.Greedy =?= true", "MAXJOBRETIREMENTTIME": "3600"}
LATER = int(time.time()) + 1000
ASKED = f"""
KvmStageHoldUntil_slot1_2 = {LATER}
KvmStageHoldJob_slot1_2 = "12.0"
KvmStageHoldReason_slot1_2 = "its disk is locked"
"""


def expanded(name: str, before: dict[str, str]) -> str:
    """Return a setting as the startd has it. before: settings of earlier files, and defaults."""
    settings = rendered(VALUES)

    def value(match: re.Match[str]) -> str:
        other, _, default = match.group(1).partition(":")
        if other == name or other not in settings:
            return before.get(other, default)
        return str(re.sub(r"\$\(([^)]*)\)", value, settings[other]))

    return str(re.sub(r"\$\(([^)]*)\)", value, settings[name]))


def evaluated(name: str, slot: str, job: str, before: dict[str, str] = DEFAULTS) -> object:
    """Return what a setting is for a job in slot1_2."""
    mine = classad2.ClassAd(f'[ Name = "slot1_2@worker.example.org"; {"; ".join(slot.split(chr(10)))} ]')
    expression = re.sub(r"\bTARGET\.(\w+)", lambda match: f"Job.{match.group(1)}", expanded(name, before))
    mine["Job"] = classad2.ClassAd(job)
    mine["Found"] = classad2.ExprTree(expression)
    return mine.eval("Found")


def test_job_that_is_to_go_on_hold_does_with_the_reason() -> None:
    job = "[ ClusterId = 12; ProcId = 0 ]"
    assert evaluated("PREEMPT", ASKED, job) is True
    assert evaluated("WANT_HOLD", ASKED, job) is True
    assert evaluated("WANT_HOLD_REASON", ASKED, job) == "its disk is locked"
    assert evaluated("WANT_HOLD_SUBCODE", ASKED, job) == 1
    assert evaluated("MAXJOBRETIREMENTTIME", ASKED, job, SITE) == -1


@pytest.mark.parametrize(
    ("slot", "job"),
    [
        ("", "[ ClusterId = 12; ProcId = 0 ]"),
        ("", "[ ]"),
        (ASKED, "[ ]"),
        (ASKED, "[ ClusterId = 12; ProcId = 1 ]"),
        (ASKED, "[ ClusterId = 120; ProcId = 0 ]"),
        (ASKED.replace(str(LATER), "1700000000"), "[ ClusterId = 12; ProcId = 0 ]"),
        (ASKED.replace(str(LATER), "0"), "[ ClusterId = 12; ProcId = 0 ]"),
        (ASKED.replace("slot1_2", "slot1_21"), "[ ClusterId = 12; ProcId = 0 ]"),
    ],
)
def test_no_other_job_does(slot: str, job: str) -> None:
    assert evaluated("PREEMPT", slot, job) is False
    assert evaluated("WANT_HOLD", slot, job) is False


def test_site_keeps_its_own_policy() -> None:
    job = "[ ClusterId = 12; ProcId = 0; Greedy = true ]"
    assert evaluated("PREEMPT", "", job, SITE) is True
    assert evaluated("WANT_HOLD", "", job, SITE) is True
    assert evaluated("MAXJOBRETIREMENTTIME", "", job, SITE) == 3600


def test_slot_ads_name_no_attribute_of_a_job() -> None:
    """This setting is in them, and with it all that it names would tell one job from another to the negotiator."""
    assert "TARGET" not in expanded("MAXJOBRETIREMENTTIME", {})
    assert "}." not in expanded("MAXJOBRETIREMENTTIME", {})
