"""The manual page says what the code does: each exit status, each check, each key of the policy, each option."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import classad2
import hostile
import pytest

from condor_kvm_stage import __version__, sizes, state
from condor_kvm_stage.plugin import transfer, url
from condor_kvm_stage.plugin.failure import BY_STATUS, ParameterError
from condor_kvm_stage.policy import PATH, Policy

PAGE = Path(__file__).parents[2] / "packaging/man/vm-nfs-plugin.1.rst"
TEXT = PAGE.read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text of a section of the page."""
    match = re.search(rf"^{title}\n=+\n(.*?)(?=^[A-Z ]+\n=+\n|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert match, title
    return match[1]


def checks_in_manual() -> set[str]:
    return set(re.findall(r"^``([a-z0-9_]+)``$", section("CHECKS"), re.MULTILINE))


def test_page_is_sound_and_of_this_version() -> None:
    result = subprocess.run(["rst2man", "--strict", PAGE], capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert f":Version: condor-kvm-stage {__version__}\n" in TEXT


def test_every_exit_status_is_there_with_its_type_and_the_sub_code_that_htcondor_records() -> None:
    found = re.findall(r"^(\d+) \((\w+); sub-code (\d+)\)$", section("EXIT STATUS"), re.MULTILINE)
    assert [(int(status), kind, int(code)) for status, kind, code in found] == [
        (status, BY_STATUS[status].error_type, status << 8) for status in sorted(BY_STATUS)
    ]


def test_release_recipe_is_for_the_failures_that_may_pass() -> None:
    (recipe,) = re.findall(r"member\(HoldReasonSubCode, \{(.*)\}\)", section("HOLD REASONS"))
    statuses = {int(number) for number in re.findall(r"(\d+) \* 256", recipe)}
    # of those that may pass, a full disk is the job's own more often than not
    assert statuses == {status for status, kind in BY_STATUS.items() if kind.retryable >= 0} - {74}


def holds(recipe: str, **attributes: int) -> bool:
    """Whether the recipe, as the manual has it, releases a job with these attributes."""
    ad = classad2.ClassAd({"EnteredCurrentStatus": int(time.time()) - 700, "NumHolds": 1, **attributes})
    ad["release"] = classad2.ExprTree(recipe)
    value = ad.eval("release")
    assert isinstance(value, bool), value  # else HTCondor would release nothing
    return value


def test_release_recipe_releases_what_may_pass_and_nothing_else() -> None:
    text = section("HOLD REASONS").replace("\\\n", "")  # as condor_submit joins lines
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


@pytest.mark.parametrize(
    ("title", "parse"), [("URLS", url.parse_stage), ("UPLOAD", lambda text: url.parse_upload(text, "file"))]
)
def test_options_are_those_that_urls_can_have(title: str, parse: Callable[[str], object]) -> None:
    terms = re.findall(r"^(``\w+=.*)$", section(title), re.MULTILINE)
    options = {name for term in terms for name in re.findall(r"``(\w+)=", term)}
    with pytest.raises(ParameterError) as caught:
        parse("nfs:///x?unknown=1")
    assert options == set(re.findall(r"(\w+)=(?=,| joined)", str(caught.value)))
    assert options
    # and each value that it names, or one like it
    for term in terms:
        for name, value in re.findall(r"``(\w+)=(\w*)", term):
            parse(f"nfs:///x?{name}={value or '40G'}")


def test_every_check_is_there() -> None:
    assert checks_in_manual() == {case.check for case in hostile.CASES if case.check} | hostile.CHECKS_WITHOUT_A_CASE


def test_policy_has_every_key_with_its_default() -> None:
    text = section("POLICY")
    assert PATH in text
    assert re.findall(r"^``(\w+)`` \(", text, re.MULTILINE) == sorted(
        Policy.__slots__, key=["image_dirs", "output_dirs", "chain_depth", "virtual_size", "timeout"].index
    )
    default = Policy()
    assert f"(files; default: {default.chain_depth})" in text
    assert f"(seconds; default: {default.timeout})" in text
    (size,) = re.findall(r'``virtual_size`` \(default: ``"(\w+)"``\)', text)
    assert sizes.parse(size) == default.virtual_size
    assert f"wait for {transfer._IMPATIENT} seconds" in text


def test_file_that_the_generator_leaves_is_named() -> None:
    assert state.PATH in section("FILES")
