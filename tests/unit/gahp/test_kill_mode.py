"""HTCondor destroys a guest by its name only if it is that of the caller's job, or of one that is gone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from condor_kvm_stage.gahp import kill_mode
from condor_kvm_stage.leftovers import guest_status
from condor_kvm_stage.leftovers.metadata import NAMESPACE
from condor_kvm_stage.processes import start_time

NAME = "alice_worker_1.0"
FOREIGN = ["", "<domain/>", f"<domstatus pid='1'><domain><name>{NAME}</name></domain></domstatus>"]
ARGUMENTS = ["-f", "-M", "4", "vmtype", "kvm", "match", NAME]


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(guest_status, "DIRECTORY", str(tmp_path))
    return tmp_path


def guest_of(directory: Path, starter: int, started: int) -> None:
    job = f"<job xmlns='{NAMESPACE}' scratch='/s' starter='{starter}' started='{started}'/>"
    definition = f"<domain><name>{NAME}</name><uuid>u</uuid><metadata>{job}</metadata></domain>"
    (directory / f"{NAME}.xml").write_text(f"<domstatus state='running' pid='1'>{definition}</domstatus>")


def test_starter_may_destroy_its_own(directory: Path) -> None:
    guest_of(directory, os.getppid(), start_time(os.getppid()))
    assert kill_mode.may_kill(ARGUMENTS)


def test_nobody_may_destroy_that_of_another_starter(directory: Path) -> None:
    guest_of(directory, os.getpid(), start_time(os.getpid()))
    assert not kill_mode.may_kill(ARGUMENTS)


def test_startd_may_destroy_that_of_a_starter_that_has_ended(directory: Path) -> None:
    guest_of(directory, os.getpid(), start_time(os.getpid()) - 1)
    assert kill_mode.may_kill(ARGUMENTS)


def test_there_is_nothing_to_do_without_a_guest() -> None:
    assert not kill_mode.may_kill(ARGUMENTS)


@pytest.mark.parametrize(
    "text", ["", "<domain/>", f"<domstatus pid='1'><domain><name>{NAME}</name></domain></domstatus>"]
)
def test_guest_that_is_not_ours_is_htcondors_affair(directory: Path, text: str) -> None:
    (directory / f"{NAME}.xml").write_text(text)
    assert kill_mode.may_kill(ARGUMENTS)


@pytest.mark.parametrize("arguments", [[], ["match"], ["match", "../x"]])
def test_what_is_not_understood_is_htcondors_affair(arguments: list[str]) -> None:
    assert kill_mode.may_kill(arguments)
