"""What starts a program in a guest is a shell script that any sh reads, and nothing of the job is in it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from condor_kvm_stage.domain import launcher
from condor_kvm_stage.job import UNMOUNTED


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_shell_reads_it(tmp_path: Path, shell: str) -> None:
    path = tmp_path / "launcher"
    path.write_bytes(launcher.vendor_data(True, True))
    assert shutil.which(shell)
    done = subprocess.run([shell, "-n", path], capture_output=True, timeout=30, check=True)
    assert done.stderr == b""


def test_cloud_init_takes_it_for_a_boothook() -> None:
    """It takes what begins so as it is, unless it finds this word in the beginning."""
    text = launcher.vendor_data(False, False)
    assert text.startswith(b"#cloud-boothook\n#!/bin/sh\n")
    assert b"mime-version" not in text.lower()
    assert text.isascii()


def test_program_waits_for_what_it_needs_and_for_nothing_else() -> None:
    assert b"After=" not in launcher.vendor_data(False, False)
    assert b"After=cloud-final.service" in launcher.vendor_data(True, False)
    assert b"After=network-online.target" in launcher.vendor_data(False, True)


def test_filter_finds_what_it_prints_if_there_are_no_files() -> None:
    assert f'say "{UNMOUNTED.removeprefix("condor-kvm-stage: ")} (' in launcher.vendor_data(False, False).decode()
