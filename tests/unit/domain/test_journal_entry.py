"""What the hook and the builder write into the journal: one entry for a job that they refuse, none for another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from condor_kvm_stage.domain import cli
from condor_kvm_stage.job import Job
from condor_kvm_stage.processes import user_name
from support.domain.builder_in_process import Programs
from support.domain.job_ads import ad_of
from support.journal import Entry, Journal

NUMBERS = b"ClusterId = 12\nProcId = 3\n"


@pytest.fixture
def listening(journal: Path) -> Iterator[Journal]:
    found = Journal(journal)
    yield found
    found.close()


def shown(entry: Entry) -> tuple[str, ...]:
    return tuple(entry.get(f"KVM_STAGE_{name}".encode(), b"").decode() for name in ("EVENT", "JOB", "OWNER", "CHECK"))


def test_refusal_of_the_builder_is_noted_with_the_job_and_its_user(programs: Programs, listening: Journal) -> None:
    assert "there is no disk" in programs.build(ad_of() + NUMBERS).refusal()
    (entry,) = listening.entries()
    assert shown(entry) == ("refused", "12.3", user_name(programs.where.uid), "Specification")
    assert entry[b"MESSAGE"].startswith(b"job 12.3: there is no disk ")


def test_refusal_of_the_hook_is_noted(programs: Programs, listening: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    where = programs.where
    monkeypatch.setattr(cli, "of_hook", lambda _: Job(where.scratch, where.uid, where.gid))
    assert "HookStatusMessage" in programs.hook(b"JobUniverse = 13\n" + NUMBERS)
    (entry,) = listening.entries()
    assert shown(entry) == ("refused", "12.3", user_name(os.getuid()), "Parameter")


def test_job_of_another_universe_is_not_noted(programs: Programs, listening: Journal) -> None:
    assert programs.hook(b"JobUniverse = 5\n" + NUMBERS) == ""
    assert listening.entries() == []


def test_closed_input_is_a_refusal_without_a_job(programs: Programs, listening: Journal) -> None:
    programs.build(None).refusal()
    (entry,) = listening.entries()
    assert shown(entry)[:2] == ("refused", "")
