"""The page of condor-kvm-stage-health says what it checks, publishes and heals, and when; its units are as it says."""

from __future__ import annotations

import re
from pathlib import Path

from condor_kvm_stage import health_report, installed
from condor_kvm_stage.genconfig.probes.execute import FULL
from condor_kvm_stage.health import logs, publish, shares
from condor_kvm_stage.health.faults import STEPS
from condor_kvm_stage.policy.model import HealthPolicy
from support.manual_pages import Page, terms

PACKAGING = Path(__file__).parents[3] / "packaging"
PAGE = Page("condor-kvm-stage-health.8")
section = PAGE.section


def unit(name: str) -> str:
    return (PACKAGING / name).read_text(encoding="utf-8")


def words(title: str) -> str:
    return " ".join(section(title).split())


def test_checks_are_those_that_are_made() -> None:
    assert sorted(terms(section("CHECKS"))) == sorted(STEPS)


def test_check_that_says_what_to_do_is_one_that_there_is() -> None:
    found = re.findall(
        r"^``([a-z]+ [a-z-]+)`` \(", Page("condor-kvm-stage-genconfig.8").section("CHECKS"), re.MULTILINE
    )
    assert set(STEPS.values()) <= set(found)


def test_attributes_are_those_that_are_published() -> None:
    lines = [line for line in section("ATTRIBUTES").splitlines() if line.startswith("*KvmStage")]
    found = [name for line in lines for name in re.findall(r"\*KvmStage(\w+)\*", line)]
    assert found == list(publish.ATTRIBUTES)


def test_healing_is_what_the_policy_can_forbid() -> None:
    assert terms(section("HEALING")) == list(HealthPolicy.HEALS)
    assert logs.AGE == 7 * 86400
    assert "a week after their last line" in words("HEALING")


def test_numbers_are_those_of_the_code() -> None:
    assert health_report.OLD == 600
    assert "more than 10 minutes ago" in words("ATTRIBUTES")
    assert f"less than {FULL} MiB free" in words("CHECKS")
    assert shares.LONGEST == 120
    assert "*staging.timeout* seconds, at most 2 minutes" in words("CHECKS")


def test_files_are_those_that_it_uses() -> None:
    for path in (installed.HEALTH, installed.HEALTH_STATE):
        assert f"*{path}*" in section("FILES")
    assert f"**{installed.WATCH}** **--run**" in section("SYNOPSIS")


def test_timer_runs_it_every_minute_from_when_the_node_is_configured() -> None:
    timer, service = unit("condor-kvm-stage-health.timer"), unit("condor-kvm-stage-health.service")
    assert "OnUnitInactiveSec=1min\n" in timer
    assert "Wants=condor-kvm-stage-health.timer\n" in unit(installed.UNIT)
    assert f"ExecStart={installed.WATCH} --run\n" in service
    assert f"ConditionPathExists=!{installed.DISABLED}\n" in service


def test_process_that_a_share_holds_does_not_hold_the_unit() -> None:
    assert "KillMode=process\n" in unit("condor-kvm-stage-health.service")
    for name in ("condor-kvm-stage-health.service", installed.UNIT):
        assert " CAP_KILL " in unit(name), "root looks at shares as another user, and must be able to end that"


def test_log_has_what_an_administrator_must_see_and_not_that_the_unit_runs() -> None:
    service = unit("condor-kvm-stage-health.service")
    assert "LogLevelMax=notice\n" in service
    assert "SyslogLevel=err\n" in service, "a traceback has no level of its own"
