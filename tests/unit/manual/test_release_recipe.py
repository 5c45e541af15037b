"""The manual's recipe for jobs on hold, a periodic_release, as HTCondor evaluates it."""

from __future__ import annotations

import re
import time

import classad2
import pytest

from condor_kvm_stage.failures import BY_STATUS
from support.manual_pages import Page

pytestmark = pytest.mark.needs_classad2


def holds(recipe: str, **attributes: int) -> bool:
    """Whether the recipe, as the manual has it, releases a job with these attributes."""
    ad = classad2.ClassAd({"EnteredCurrentStatus": int(time.time()) - 700, "NumHolds": 1, **attributes})
    ad["release"] = classad2.ExprTree(recipe)
    value = ad.eval("release")
    assert isinstance(value, bool), value  # else HTCondor would release nothing
    return value


def test_release_recipe_releases_what_may_pass_and_nothing_else() -> None:
    text = Page("vm-nfs-plugin.1").section("HOLD REASONS").replace("\\\n", "")  # as condor_submit joins lines
    (recipe,) = re.findall(r"periodic_release = (.*)", text)
    for code in (12, 13):
        for status in BY_STATUS:
            ad = {"HoldReasonCode": code, "HoldReasonSubCode": status << 8}
            assert holds(recipe, **ad) == (status in (68, 69, 78)), status
        ad = {"HoldReasonCode": code, "HoldReasonSubCode": 69 << 8}
        assert holds(recipe, **ad, NumHolds=5)
        assert not holds(recipe, **ad, NumHolds=6)
        assert not holds(recipe, **ad, EnteredCurrentStatus=int(time.time()) - 300)
    assert not holds(recipe, HoldReasonCode=1, HoldReasonSubCode=69 << 8)  # by the user
    assert not holds(recipe, HoldReasonCode=13, HoldReasonSubCode=1)
