"""The benchmark's phases of a guest's start, from what HTCondor, libvirt and the kernel write."""

from __future__ import annotations

import time
from pathlib import Path
from typing import cast

import pytest

from benchmark import first_byte, start_phases
from testnode.node import Node

pytestmark = pytest.mark.needs_repository

BOOT = 1_000_000_000.0  # Unix time
AT = "09/09/01 01:46:{:06.3f}"  # HTCondor's, of BOOT and so many seconds
EVENT = "2001-09-09 01:46:{:06.3f}+0000: event 'lifecycle' for domain '{}': Resumed Unpaused\n"
CALLED = " (pid:77) CreateKvmVMConfigFile\n"


class FakeNode:
    """What is read of a node."""

    name = "worker"

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, path: str, text: str) -> None:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")


def stat_of(ticks: int) -> str:
    return f"9 (a) b) S 1 {'0 ' * 17}{ticks} 0 0\n"


def test_phases_are_between_what_the_logs_and_the_kernel_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: BOOT + 50)
    monkeypatch.setattr(time, "clock_gettime", lambda clock: 50.0)
    node = FakeNode(tmp_path)
    node.put("var/log/condor/VMGahpLog", AT.format(41) + CALLED)
    began = start_phases.Beginning(cast("Node", node))
    log = node.root / "var/log/condor/VMGahpLog"
    log.write_text(log.read_text() + AT.format(44.5) + CALLED + AT.format(45) + " something else\n")
    node.put("execute/dir_123.recover", "")
    node.put("execute/dir_123/scratch/console.log", "x")
    node.put("proc/123/stat", stat_of(200))
    node.put("proc/456/stat", stat_of(550))
    node.put("run/libvirt/qemu/alice_worker_7.0.pid", "456")
    node.put("events", EVENT.format(43, "alice_worker_6.0") + EVENT.format(46.5, "alice_worker_7.0"))
    offset = 40  # 01:46:40 is BOOT
    found = began.phases(BOOT + 0.5, 7, tmp_path / "execute", tmp_path / "events", BOOT + 8)
    assert [round(seconds, 3) for seconds in found.values()] == [1.5, 44.5 - offset - 2, 1.0, 1.0, 1.5]
    assert round(sum(found.values()), 3) == 7.5


def test_phases_of_several_jobs_end_with_the_last_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: BOOT + 50)
    monkeypatch.setattr(time, "clock_gettime", lambda clock: 50.0)
    node = FakeNode(tmp_path)
    for pid, ticks in ((123, 220), (124, 210)):
        node.put(f"execute/dir_{pid}/scratch/console.log", "x")
        node.put(f"proc/{pid}/stat", stat_of(ticks))
    node.put("events", EVENT.format(46.5, "alice_worker_7.0") + EVENT.format(46, "alice_worker_7.1"))
    names = ["alice_worker_7.0", "alice_worker_7.1"]
    found = start_phases.together(
        cast("Node", node), BOOT + 0.5, tmp_path / "execute", tmp_path / "events", names, BOOT + 8
    )
    assert [round(seconds, 3) for seconds in found.values()] == [1.6, 4.4, 1.5]


def test_domain_that_does_not_run_yet_has_no_time(tmp_path: Path) -> None:
    (tmp_path / "events").write_text(EVENT.format(43, "alice_worker_6.0"), encoding="utf-8")
    assert start_phases.resumed_at(tmp_path / "events", "alice_worker_7.0") == 0


def test_both_variants_differ_in_nothing_but_what_defines_and_runs_the_guest() -> None:
    ours, stock = (set(first_byte._SETTINGS[variant].splitlines()) for variant in (first_byte.OURS, first_byte.STOCK))
    assert {line.split(" = ")[0] for line in stock - ours if line} == {
        "LIBVIRT_XML_SCRIPT",
        "LIBVIRT_XML_SCRIPT_ARGS",
        "STARTER_DEFAULT_JOB_HOOK_KEYWORD =",
        "VM_GAHP_SEND_ALL_CLASSAD",
        "VM_GAHP_SERVER",
    }
    assert ours - stock == set()
