"""A bug in the child that inspects disks names the program that started it, not another one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from condor_kvm_stage.domain import cli
from condor_kvm_stage.images import image
from condor_kvm_stage.job import Job
from support.domain.builder_in_process import Programs
from support.domain.disk_files import put
from support.domain.job_ads import ad_of

BUG = "{}, please report it: ZeroDivisionError: division by zero"


@pytest.fixture(autouse=True)
def bug(monkeypatch: pytest.MonkeyPatch, scratch: Path) -> None:
    put(scratch / "disk.qcow2")
    monkeypatch.setattr(image, "inspect", lambda *_: 1 / 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root defines another user's guest")
def test_builder(programs: Programs, capfd: pytest.CaptureFixture[str]) -> None:
    assert BUG.format("bug in condor-kvm-stage-domain") in programs.build(ad_of()).refusal()
    assert "Traceback" in capfd.readouterr().err


def test_hook(programs: Programs, where: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "of_hook", lambda _: Job(where.scratch, where.uid, where.gid))
    assert BUG.format("bug in condor-kvm-stage-prepare") in programs.hook(ad_of())
