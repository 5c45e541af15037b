"""Fixtures of the tests of the guest's definition: a job's directory as HTCondor makes it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from condor_kvm_stage import processes
from condor_kvm_stage.domain.job import Job
from support.domain import builder_in_process, fake_starter
from support.domain.builder_in_process import Programs
from support.processes import NOBODY


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Job]:
    """A job of NOBODY's, or, where root does not run the tests, of who does: its scratch directory, and its starter."""
    user, group = (NOBODY, NOBODY) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    scratch = tmp_path / "dir_1/scratch"
    scratch.mkdir(parents=True)
    scratch.parent.chmod(0o755)
    scratch.chmod(0o755)
    os.chown(scratch, user, group)
    with fake_starter.starter() as starter:
        started = processes.start_time(starter.pid)
        yield Job(str(scratch), user, group, starter.pid, started)


@pytest.fixture
def scratch(where: Job) -> Path:
    """The job's scratch directory."""
    return Path(where.scratch)


@pytest.fixture(autouse=True)
def ended_workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End the processes that inspect images: they end with the process that has started them, which is the tests'."""
    with builder_in_process.ended_workers(monkeypatch):
        yield


@pytest.fixture
def programs(tmp_path: Path, where: Job, monkeypatch: pytest.MonkeyPatch) -> Iterator[Programs]:
    """The builder and the hook. What keeps a guest's console ends with the test."""
    yield builder_in_process.on_node(tmp_path, where, monkeypatch)
    builder_in_process.end_consoles()
