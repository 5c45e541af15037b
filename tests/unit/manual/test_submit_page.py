"""The manual page for users says what there is: attributes of jobs, programs, URLs that the plug-in understands."""

from __future__ import annotations

import re
from pathlib import Path

from condor_kvm_stage.domain import console
from condor_kvm_stage.gahp import guest_address, job_mode
from condor_kvm_stage.plugin import url
from support.manual_pages import Page, literals

PAGE = Page("condor-kvm-stage-submit.7")
SCRIPTS = Path(__file__).parents[3] / "scripts"


def test_attributes_are_those_that_are_set() -> None:
    named = re.findall(r"^\*(Chirp\w+)\*$", PAGE.section("WATCHING A JOB"), re.MULTILINE)
    assert named == ["ChirpConsole", guest_address.ATTRIBUTE, job_mode.PROBLEM]
    assert '"ChirpConsole"' in Path(console.__file__).read_text(encoding="utf-8")


def test_program_that_gets_into_the_guest_is_there() -> None:
    (program,) = set(re.findall(r"JOB (condor-kvm-stage-\S+)$", PAGE.section("WATCHING A JOB"), re.MULTILINE))
    assert (SCRIPTS / program).exists()
    assert f"**{program}**" in Page(f"{program}.1").text


def test_urls_of_results_are_understood() -> None:
    urls = re.findall(r'nfs://[^\s"]+', "".join(literals(PAGE.section("RESULTS"))))
    source, target = (found.replace("$(Process)", "0") for found in urls)
    assert url.parse_stage(source).copy
    assert url.parse_upload(target, "disk.qcow2").standalone
