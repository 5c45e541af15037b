"""The fixture of a job as HTCondor makes it, for the tests of the builder and of what jobs leave."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from condor_kvm_stage import processes
from condor_kvm_stage.job import Job
from support.domain import fake_starter
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
