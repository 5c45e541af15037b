"""Fixtures of the generator's unit tests: hosts, nodes, and replacements of their environment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from condor_kvm_stage import installed
from condor_kvm_stage.genconfig.checks import Findings, run, trials
from condor_kvm_stage.genconfig.checks.trials import Trials
from condor_kvm_stage.genconfig.probes import collect
from condor_kvm_stage.genconfig.startd import apply
from condor_kvm_stage.host import Host
from condor_kvm_stage.policy import model
from support import trial_programs
from support.fake_host import FakeHost
from support.fake_node import Clock, FakeNode
from support.recorded_hosts import GOOD, RecordedHost, fix_what_does_not_go_through_host


@pytest.fixture
def policy_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The policy's path is that of a node, below the root of the test's host."""
    monkeypatch.setattr(installed, "POLICY", "/etc/condor-kvm-stage/config.toml")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A Host whose programs are really run; a test creates its files and programs."""
    (tmp_path / "usr/bin").mkdir(parents=True)
    return Host(tmp_path)


@pytest.fixture
def node(tmp_path: Path, policy_of_the_host: None) -> FakeNode:
    return FakeNode(tmp_path / "root")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that --apply uses."""
    clock = Clock()
    monkeypatch.setattr(apply, "time", clock)
    return clock


@pytest.fixture
def good(monkeypatch: pytest.MonkeyPatch) -> Findings:
    """The findings about a host on which every check is ok."""
    fix_what_does_not_go_through_host(monkeypatch)
    found = run.gather(RecordedHost(GOOD))
    return replace(found, snippet=found.wanted)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory for the temporary directories of the trials."""
    directory = tmp_path / "tmp"
    directory.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(directory))
    return directory


@pytest.fixture
def carry_out(tmp_path: Path, temporary: Path) -> trial_programs.Try:
    """Returns a function that runs the trials on a host with the given programs."""
    for path, text in {"cpuinfo": "processor\t: 0\n", "meminfo": "MemTotal:       65536000 kB\n"}.items():
        (tmp_path / "proc/self").mkdir(parents=True, exist_ok=True)
        (tmp_path / "proc" / path).write_text(text)

    def run(
        programs: trial_programs.Programs, site: model.Policy | None = None, mounts: str = "", as_root: bool = True
    ) -> Trials:
        (tmp_path / "proc/self/mountinfo").write_text(mounts)
        host = FakeHost(tmp_path, programs=programs, as_root=as_root)
        return trials.carry_out(host, collect.collect(host), site)

    return run
