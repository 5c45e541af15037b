"""A node that is slow or busy: what has not answered in time is not known, and that is never a failure."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig import checks
from condor_kvm_stage.genconfig.checks import Findings, Level, report, run
from condor_kvm_stage.genconfig.checks.image_trials import DirectoryTrial
from condor_kvm_stage.genconfig.checks.model import WHEN_LESS_BUSY
from condor_kvm_stage.genconfig.outcome import PASSED, unknown
from support.fake_node import POLICY, FakeNode
from support.findings import Change, advertises, all_of, asked, of, tried, verdict
from support.recorded_hosts import GOOD, RecordedHost, fix_what_does_not_go_through_host

LATE = unknown("it did not end within 20 s")
DIRECTORY = (DirectoryTrial("/srv/images", "", LATE, "nfs4 filer:/export"),)


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        (tried(gahp=LATE), "htcondor vm-gahp-test"),
        (tried(plugin=LATE), "package plug-in"),
        (tried(plugin=LATE, directories=DIRECTORY), "images directory"),
        (tried(plugin=LATE, canary=LATE), "images canary"),
        (advertises(query=LATE), "htcondor startd"),
        (of("htcondor", configuration=LATE), "htcondor version"),
        (of("libvirt", listens=LATE), "libvirt daemon"),
        (asked(capabilities=LATE), "libvirt daemon"),
        (asked(cpu=LATE), "libvirt cpu"),
    ],
)
def test_no_answer_in_time_is_a_warning_with_its_own_step(good: Findings, change: Change, subject: str) -> None:
    if subject == "libvirt cpu":
        change = all_of(asked(facts=replace(good.trials.support.facts, cpu_mode="host-model")), change)
    found = verdict(change(good), subject)
    assert found.level is Level.WARN
    assert WHEN_LESS_BUSY in found.next_step
    assert not report.failed(checks.evaluate(change(good)))


def test_unit_whose_state_systemd_does_not_say_is_not_said_to_be_missing(good: Findings) -> None:
    found = verdict(tried(unit="unknown")(good), "package unit")
    assert (found.level, found.next_step) == (Level.NOTE, WHEN_LESS_BUSY)


@pytest.mark.parametrize("subject", ["images directory", "images canary"])
def test_share_that_is_silent_while_the_plugin_answers_is_a_failure(good: Findings, subject: str) -> None:
    found = verdict(tried(plugin=PASSED, directories=DIRECTORY, canary=LATE)(good), subject)
    assert found.level is Level.FAIL


def test_test_that_htcondor_would_have_given_up_is_a_warning(good: Findings) -> None:
    found = verdict(tried(gahp_seconds=9.2)(good), "htcondor vm-gahp-test")
    assert found.level is Level.WARN
    assert "passes, but took 9 s, and the startd gives it 5" in found.found
    assert verdict(tried(gahp_seconds=4.9)(good), "htcondor vm-gahp-test").level is Level.OK


def test_nothing_fails_where_no_program_answers_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    fix_what_does_not_go_through_host(monkeypatch)
    host = RecordedHost(GOOD)
    monkeypatch.setattr(
        host, "_answer", lambda command: Answer(-1, fault=f"{command[0]} did not end within 20 s"), raising=True
    )
    host.programs = dict.fromkeys(host.programs, host._answer)
    results = checks.evaluate(run.gather(host))
    assert [f"{check.group} {check.name}" for check in report.failed(results)] == []
    assert report.verdict(results).startswith("This node can run VM jobs, with ")


def test_patience_is_the_policys_and_one_deadline_is_for_all(node: FakeNode) -> None:
    node.policy(POLICY.replace("wait = 60", "wait = 60\npatience = 7"))
    before = time.monotonic()
    run.gather(node)
    assert node.patience == 7
    assert node.deadline is not None
    assert before + 7 <= node.deadline <= time.monotonic() + 7
