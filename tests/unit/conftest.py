"""Fixtures of the unit tests: the real qemu-img, and fake programs for failures that cannot be had otherwise."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from condor_kvm_stage import policy


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A temporary directory that everybody may search, which pytest's own is not, as QEMU's user must with images."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="condor-kvm-stage-test-") as directory:
        path = Path(directory)
        path.chmod(0o755)
        yield path


@pytest.fixture(autouse=True)
def site_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Write the site's policy, which is not there before: never the host's own."""
    path = tmp_path / "config.toml"
    monkeypatch.setattr(policy, "PATH", str(path))

    def write(text: str) -> None:
        path.write_text(text, encoding="utf-8")

    return write


@pytest.fixture
def qemu_img() -> Callable[..., str]:
    """Run the real qemu-img with arguments; returns what it prints."""

    def run(*arguments: str | Path) -> str:
        return subprocess.run(["qemu-img", *arguments], check=True, capture_output=True, text=True, timeout=30).stdout

    return run


@pytest.fixture
def base(tmp_path: Path, qemu_img: Callable[..., str]) -> Path:
    """A qcow2 image of 64 MiB."""
    path = tmp_path / "base.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", path, "64M")
    return path


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """An empty scratch directory."""
    path = tmp_path / "scratch"
    path.mkdir()
    return path


@pytest.fixture
def fake_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Put a shell script of a name first on PATH."""

    def make(name: str, script: str) -> None:
        directory = tmp_path / "fake-bin"
        directory.mkdir(exist_ok=True)
        (directory / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (directory / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(directory), prepend=os.pathsep)

    return make
