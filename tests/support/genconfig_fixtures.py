"""Fixtures of the generator's unit tests: hosts and nodes, and what stands for the world around them."""

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
from support.fake_host import GOOD, FakeHost, RecordedHost, replace_surroundings
from support.fake_node import Clock, FakeNode


@pytest.fixture
def policy_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The site's policy is where a node has it, below the root of the test's host."""
    monkeypatch.setattr(installed, "POLICY", "/etc/condor-kvm-stage/config.toml")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """The way to a real host, whose files and programs are those that a test makes."""
    (tmp_path / "usr/bin").mkdir(parents=True)
    return Host(tmp_path)


@pytest.fixture
def node(tmp_path: Path, policy_of_the_host: None) -> FakeNode:
    return FakeNode(tmp_path / "root")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that --apply waits by."""
    clock = Clock()
    monkeypatch.setattr(apply, "time", clock)
    return clock


@pytest.fixture
def good(monkeypatch: pytest.MonkeyPatch) -> Findings:
    """What is known of a host on which every check is ok."""
    replace_surroundings(monkeypatch)
    found = run.look(RecordedHost(GOOD))
    return replace(found, snippet=found.wanted)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the trials make their temporary directories."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    return place


@pytest.fixture
def carry_out(tmp_path: Path, temporary: Path) -> trial_programs.Try:
    """Carry out the trials on a host that has the programs."""
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
