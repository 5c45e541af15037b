"""EXECUTE's file system: as df(1) reports it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig.outcome import PASSED, failed, not_tried, unknown
from condor_kvm_stage.genconfig.probes import execute
from condor_kvm_stage.genconfig.probes.execute import Execute
from condor_kvm_stage.host import Host
from support.fake_host import FakeHost

DF = "/usr/bin/df"


def test_this_hosts_own_df_is_understood(tmp_path: Path) -> None:
    found = execute.probe(Host(), str(tmp_path))
    status = os.statvfs(tmp_path)
    assert found.query == PASSED
    assert found.kind
    assert abs(found.size - (status.f_blocks * status.f_frsize >> 20)) <= 1
    assert 0 <= found.free <= found.size


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(0, "Type Avail 1M-blocks\nxfs 5 10\n"), Execute(PASSED, "xfs", 5, 10)),
        (Answer(0, "Type Avail 1M-blocks\n- - -\n"), Execute(failed("- - -"))),
        (
            Answer(1, "", "df: /x: No such file or directory\n"),
            Execute(failed("/x: No such file or directory")),
        ),
        (Answer(-1, fault="df did not end within 5 s"), Execute(unknown("df did not end within 5 s"))),
    ],
)
def test_answer_is_understood_or_is_a_reason(tmp_path: Path, answer: Answer, expected: Execute) -> None:
    assert execute.probe(FakeHost(tmp_path, programs={DF: answer}), "/x") == expected


def test_place_that_is_unknown_is_not_looked_at(tmp_path: Path) -> None:
    assert execute.probe(FakeHost(tmp_path), "") == Execute(not_tried("EXECUTE is unknown"))
