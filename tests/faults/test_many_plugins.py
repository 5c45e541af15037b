"""Many plug-ins at once, on one share and in one directory: each has its own file, and of one name there is one."""

from __future__ import annotations

import os
from pathlib import Path

from .images import check_qcow2
from .program import Plugin
from .share import Share


def test_many_at_once_under_different_names_all_succeed(plugin: Plugin, broken: Share, scratch: Path) -> None:
    names = [f"disk{number:02}" for number in range(64)]
    runs = [plugin.start((f"nfs://{broken.mount}/base.qcow2:{name}", scratch / "file")) for name in names]
    outcomes = [run.finish() for run in runs]
    assert [outcome.status for outcome in outcomes] == [0] * len(names)
    assert sorted(os.listdir(scratch)) == names
    for name in names:
        check_qcow2(scratch / name)


def test_of_many_at_once_under_one_name_exactly_one_succeeds(plugin: Plugin, broken: Share, scratch: Path) -> None:
    runs = [plugin.start((f"nfs://{broken.mount}/base.qcow2:disk", scratch / "file")) for _ in range(16)]
    outcomes = [run.finish() for run in runs]
    failed = [outcome for outcome in outcomes if outcome.status]
    assert len(failed) == len(outcomes) - 1
    assert {(outcome.status, outcome.error["ErrorType"]) for outcome in failed} == {(64, "Parameter")}
    assert all("already exists" in outcome.error["ErrorString"] for outcome in failed)
    assert os.listdir(scratch) == ["disk"]
    check_qcow2(scratch / "disk")
