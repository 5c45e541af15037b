"""--check's verdicts that combine several findings: SELinux, networks, one image, an invalid policy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from condor_kvm_stage.genconfig import checks
from condor_kvm_stage.genconfig.checks import Findings, Level, run
from condor_kvm_stage.genconfig.checks.report import Verbosity
from condor_kvm_stage.genconfig.outcome import PASSED, failed, not_tried
from condor_kvm_stage.genconfig.probes import collect
from support.findings import all_of, decided, knows, tried, verdict
from support.recorded_hosts import GOOD, RecordedHost


def test_good_host_is_ok_in_every_check(good: Findings) -> None:
    assert {check.level for check in checks.evaluate(good)} == {Level.OK}


@pytest.mark.parametrize(
    ("types", "missing", "level"),
    [
        (("nat",), {}, Level.OK),
        (("nat",), {"user": "no passt"}, Level.NOTE),
        (("nat",), {"bridge": "no br0"}, Level.WARN),
        ((), {"nat": "not active"}, Level.WARN),
        ((), {}, Level.NOT_APPLICABLE),
    ],
)
def test_network_is_worth_a_warning_where_guests_have_none_or_not_the_bridge(
    good: Findings, types: tuple[str, ...], missing: dict[str, str], level: Level
) -> None:
    found = verdict(
        decided(network=replace(good.values.network, types=types, missing=missing))(good), "libvirt network"
    )
    assert found.level is level
    assert all(reason in found.found for reason in missing.values())


def test_broken_policy_is_not_said_to_name_no_directories(good: Findings) -> None:
    broken = all_of(knows(policy=None, policy_fault="line 3"), tried(directories=(), canary=not_tried("x")))(good)
    for subject in ("images directory", "images canary"):
        found = verdict(broken, subject)
        assert (found.level, found.found) == (Level.NOT_APPLICABLE, "not tried, because the policy has an error")


def test_checks_stay_in_the_order_of_their_groups(good: Findings) -> None:
    groups = [check.group for check in checks.evaluate(good)]
    assert list(dict.fromkeys(groups)) == ["host", "kvm", "libvirt", "images", "htcondor", "package"]
    assert groups == sorted(groups, key=["host", "kvm", "libvirt", "images", "htcondor", "package"].index)


@pytest.mark.parametrize("fault", ["", "no image there"])
def test_check_of_one_image_is_one_verdict(
    good: Findings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    monkeypatch.setattr(
        "condor_kvm_stage.genconfig.checks.image_trials.stage", lambda host, url: failed(fault) if fault else PASSED
    )
    monkeypatch.setattr(collect, "collect", None)  # of no use here, and slow
    status = run.run("nfs:///srv/\x1bx:y", RecordedHost(GOOD), as_json=False, verbosity=Verbosity.NORMAL)
    line, *step = capsys.readouterr().out.splitlines()
    assert status == (1 if fault else 0)
    assert line.split()[:3] == ["fail" if fault else "ok", "images", "image:"]
    assert "nfs:///srv/\\x1bx:y" in line, "what could do harm on a terminal is escaped"
    assert fault in line
    assert [words[:9] for words in step] == (["      -> "] if fault else [])
