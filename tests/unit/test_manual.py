"""The manual page says what the code does: each exit status, each check, each key of the policy, each option."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import hostile

from condor_kvm_stage import __version__, sizes, state
from condor_kvm_stage.plugin import transfer
from condor_kvm_stage.plugin.failure import BY_STATUS
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
    (recipe,) = re.findall(r"member\(HoldReasonSubCode, \{(.*)\}\)", section("EXIT STATUS"))
    statuses = {int(number) for number in re.findall(r"(\d+) \* 256", recipe)}
    # of those that may pass, a full disk is the job's own more often than not
    assert statuses == {status for status, kind in BY_STATUS.items() if kind.retryable >= 0} - {74}


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
