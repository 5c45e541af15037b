"""The manual pages are sound; that of the plug-in says what the code does: exit statuses, checks, options."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import hostile
from condor_kvm_stage import __version__
from condor_kvm_stage.failures import BY_STATUS, NodeError, ParameterError
from condor_kvm_stage.images import formats, text_files
from condor_kvm_stage.installed import POLICY, SLOT_ATTRIBUTES
from condor_kvm_stage.plugin import url
from support.manual_pages import Page, all_pages, terms

REPOSITORY = Path(__file__).parents[3]
section = Page("vm-nfs-plugin.1").section


@pytest.mark.parametrize("name", all_pages())
def test_page_is_sound_and_of_this_version(name: str) -> None:
    page = Page(name)
    result = subprocess.run(["rst2man", "--strict", page.path], capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    title, number = name.rsplit(".", 1)
    assert page.text.split("\n")[1] == title
    assert f":Manual section: {number}\n" in page.text
    assert f":Version: condor-kvm-stage {__version__}\n" in page.text


def test_every_page_of_ours_that_is_referred_to_is_there_and_every_page_is_referred_to() -> None:
    text = "".join(Page(name).text for name in all_pages())
    referred = {f"{name}.{number}" for name, number in re.findall(r"\*\*([a-z.-]+)\*\*\\ \((\d)\)", text)}
    ours = {name for name in referred if name.startswith(("condor-kvm-stage", "vm-nfs-plugin"))}
    assert ours == set(all_pages())


@pytest.mark.parametrize(
    "path", ["packaging/condor-kvm-stage.service", "packaging/condor-kvm-stage-health.timer", "packaging/config.toml"]
)
def test_installed_file_refers_to_a_page_that_is_there(path: str) -> None:
    text = (REPOSITORY / path).read_text(encoding="utf-8")
    referred = re.findall(r"\b((?:condor-kvm-stage|vm-nfs)[a-z.-]*)\((\d)\)", text)
    assert referred
    assert {f"{name}.{number}" for name, number in referred} <= set(all_pages())


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
    # and each value that it lists, or else those of its examples
    for term in terms:
        for name, value in re.findall(r"``(\w+)=(\w*)", term):
            values = [value] if value else re.findall(rf"[?&]{name}=(\w+)", section(title))
            assert values, f"give an example of {name}= in {title}"
            for one in values:
                parse(f"nfs:///x?{name}={one}")


def test_every_check_is_there() -> None:
    assert (
        set(terms(section("CHECKS")))
        == {case.check for case in hostile.CASES if case.check} | hostile.CHECKS_WITHOUT_A_CASE
    )


def test_every_disk_format_that_is_refused_is_listed() -> None:
    checks = " ".join(section("CHECKS").split())
    (disks,) = re.findall(r"other than raw and qcow2: (.*?)\.", checks)
    assert disks.split(", ") == sorted({name for name, *_ in [*formats._IMAGES, *formats._FOOTERS]} - {"qcow2"})
    ((others, texts),) = re.findall(r"only ``format=raw`` allows: (.*?); text, for example (.*?); or less", checks)
    assert others.split(", ") == sorted({name for name, *_ in formats._OTHERS})
    assert texts.split(", ") == list(dict.fromkeys(kind for kind, *_ in text_files._KINDS))


def test_policy_is_named_with_its_page_and_the_exit_status_of_a_broken_one() -> None:
    text = section("POLICY")
    assert POLICY in text
    assert r"**condor-kvm-stage-config.toml**\ (5)" in text
    assert f"exit status {NodeError.status}," in text


def test_file_that_the_generator_leaves_is_named() -> None:
    assert SLOT_ATTRIBUTES in section("FILES")
