"""--check of the running startd, and in an image build, where none runs: when a restart is needed."""

from __future__ import annotations

import pytest

from condor_kvm_stage.genconfig.checks import Findings, Level
from condor_kvm_stage.genconfig.outcome import failed
from condor_kvm_stage.genconfig.startd.slot_ads import SlotAds
from support.findings import CONTAINER, NOT_BOOTED, Change, advertises, all_of, knows, sets, tried, verdict


def test_restart_is_not_called_for_while_the_snippet_is_not_in_place(good: Findings) -> None:
    found = verdict(all_of(advertises(vm_memory=1), knows(wanted="A = 1\n"))(good), "htcondor startd")
    assert found.next_step == "condor-kvm-stage-genconfig --apply"


def test_jobs_that_run_are_named_and_only_the_peaceful_restart_is(good: Findings) -> None:
    found = verdict(advertises(vm_memory=1, claimed=("slot1_1@wn",))(good), "htcondor startd")
    assert "(jobs run on it: slot1_1@wn)" in found.found
    assert found.next_step == "condor_restart -startd -peaceful"


@pytest.mark.parametrize(
    ("overrides", "advertised"),
    [
        ([sets("VM_MEMORY", "4000")], advertises(vm_memory=4000)),
        ([sets("VM_MAX_NUMBER", "2")], advertises(vm_number=2)),
        ([sets("VM_NETWORKING", "false")], advertises(network_types=())),
        ([sets("VM_NETWORKING_TYPE", "user, bridge")], advertises(network_types=("bridge", "user"))),
    ],
)
def test_restart_is_not_called_for_over_what_another_file_sets(
    good: Findings, overrides: list[Change], advertised: Change
) -> None:
    findings = all_of(*overrides, advertised)(good)
    assert verdict(findings, "htcondor startd").level is Level.OK
    assert verdict(findings, "htcondor settings").level is Level.NOTE
    assert verdict(all_of(*overrides)(good), "htcondor startd").level is Level.WARN, "the other file's is not there yet"


def test_image_build_with_the_unit_enabled_needs_no_snippet(good: Findings) -> None:
    build = all_of(NOT_BOOTED, knows(snippet=None), advertises(query=failed("nobody")))(good)
    assert verdict(build, "htcondor snippet").level is Level.NOT_APPLICABLE
    assert verdict(build, "htcondor startd").level is Level.NOT_APPLICABLE
    assert verdict(tried(unit="disabled")(build), "htcondor snippet").level is Level.FAIL
    assert verdict(CONTAINER(build), "htcondor snippet").level is Level.FAIL
    assert verdict(CONTAINER(build), "htcondor startd").level is Level.FAIL


def test_running_startd_that_cannot_be_asked_is_no_reason_to_call_it_unguarded(good: Findings) -> None:
    findings = tried(advertised=SlotAds(failed("nobody answers")))(good)
    assert verdict(findings, "htcondor guard").level is Level.OK
