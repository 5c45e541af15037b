"""What HTCondor's startd is told: every attribute each time, and nothing that is old."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage import health_report, installed
from condor_kvm_stage.health import cli, publish

FOUND = 'Healthy = false\nFailed = "share"\nReason = "a = b"\nVMs = 2\nChecked = 1000\nChanged = 900\n'


@pytest.fixture
def health(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(installed, "HEALTH", str(tmp_path / "health"))
    return tmp_path / "health"


def told(now: float) -> dict[str, str]:
    *lines, end = publish.text(now).splitlines()
    assert end.startswith("-"), "what ends an ad for HTCondor"
    found = dict(line.split(" = ", 1) for line in lines)
    assert tuple(found) == publish.ATTRIBUTES, "HTCondor keeps what is not printed"
    return found


def test_what_was_found_is_told_and_what_is_not_known_is_undefined(health: Path) -> None:
    health.write_text(FOUND, encoding="utf-8")
    assert told(1060) == {
        "Healthy": "false",
        "Failed": '"share"',
        "Reason": '"a = b"',
        "VMs": "2",
        "VMMemory": "undefined",
        "ExecuteFree": "undefined",
        "JobFiles": "undefined",
        "Healed": "undefined",
        "Checked": "1000",
        "Changed": "900",
    }


@pytest.mark.parametrize("text", [None, "", "no attributes\n", FOUND])
def test_what_is_old_or_not_there_is_not_known(health: Path, text: str | None) -> None:
    if text is not None:
        health.write_text(text, encoding="utf-8")
    assert set(told(1001 + health_report.OLD).values()) == {"undefined"}


@pytest.mark.parametrize(("now", "end"), [(1001, "- update:true"), (1079, "- update:true"), (1081, "-")])
def test_collector_is_told_at_once_only_of_a_change(health: Path, now: int, end: str) -> None:
    health.write_text(FOUND, encoding="utf-8")
    assert publish.text(now).splitlines()[-1] == end


def test_program_says_what_it_is_for_and_does_nothing_without_being_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert cli.main(["--help"]) == 0
    out, err = capsys.readouterr()
    assert out == err
    assert "usage: condor-kvm-stage-health --run | --publish" in out
