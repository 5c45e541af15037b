"""Fixtures of the tests of the guest's definition: a job's directory as HTCondor makes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_kvm_stage.domain import slot
from condor_kvm_stage.job import Job
from support.domain import builder_in_process
from support.domain.builder_in_process import Programs
from support.domain.disk_files import put
from support.domain.fixtures import where
from support.domain.job_ads import MACHINE_AD

if TYPE_CHECKING:
    from support.libvirt_schema import Schema

__all__ = ["where"]


@pytest.fixture
def scratch(where: Job) -> Path:
    """The job's scratch directory."""
    return Path(where.scratch)


@pytest.fixture
def programs(tmp_path: Path, where: Job, monkeypatch: pytest.MonkeyPatch) -> Iterator[Programs]:
    """The builder and the hook, with the ad of the job's slot. What keeps a guest's console ends with the test."""
    put(Path(where.scratch) / slot.MACHINE_AD, MACHINE_AD)
    yield builder_in_process.on_node(tmp_path, where, monkeypatch)
    builder_in_process.end_consoles()


@pytest.fixture(scope="session")
def schema() -> Schema:
    """libvirt's schema of a domain."""
    from support.libvirt_schema import Schema

    return Schema()
