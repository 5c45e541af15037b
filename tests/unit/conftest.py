"""Fixtures of the unit tests: the real qemu-img, and fake programs for failures that cannot be provoked otherwise."""

from __future__ import annotations

import importlib.util
import os
import pkgutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import hypothesis
import pytest

from condor_kvm_stage import images, installed
from condor_kvm_stage.policy.model import StagingPolicy
from condor_kvm_stage.share import mounts
from condor_kvm_stage.share.watchdog import Watchdog
from support import installed_plugin
from support.genconfig_fixtures import carry_out, clock, good, host, node, policy_of_the_host, temporary
from support.processes import NOBODY

# Those of the generator stand in a module of their own
__all__ = ["carry_out", "clock", "good", "host", "node", "policy_of_the_host", "temporary"]

# What a test module needs that not every machine has, by the marker that the module carries. Where it is missing the
# module is not so much as imported.
NEEDS = {
    "needs_classad2": "classad2",
    "needs_libvirt_schema": "lxml",
    "needs_oslo_utils": "oslo_utils",
    "needs_prometheus_client": "prometheus_client",
}
_MISSING = [f"pytest.mark.{marker}" for marker, library in NEEDS.items() if importlib.util.find_spec(library) is None]
collect_ignore = [
    str(path)
    for path in Path(__file__).parent.rglob("test_*.py")
    if any(marker in path.read_text(encoding="utf-8") for marker in _MISSING)
]

# Some tests drop privileges, and modules of this package are imported only when they are needed: by then a clone in
# another user's private directory can no longer be read
for _module in pkgutil.iter_modules(images.__path__, "condor_kvm_stage.images."):
    importlib.import_module(_module.name)

# For a package's %check: few examples, the same each time, on however slow a builder
hypothesis.settings.register_profile("package", max_examples=20, derandomize=True, database=None, deadline=None)
# How long an example takes says nothing on a busy machine
hypothesis.settings.register_profile("busy", deadline=None)
hypothesis.settings.load_profile("busy")


def pytest_configure(config: pytest.Config) -> None:
    for marker, library in NEEDS.items():
        config.addinivalue_line("markers", f"{marker}: needs the library {library}")
    config.addinivalue_line("markers", "needs_repository: is about the repository, not about the package")


@pytest.fixture(autouse=True)
def _watchdogs_are_closed() -> Iterator[None]:
    """The plug-in's child ends with the plug-in; here, with the test that started it."""
    started: list[Watchdog] = []
    initialise = Watchdog.__init__

    def record(self: Watchdog, *arguments: Any) -> None:
        started.append(self)
        initialise(self, *arguments)

    with mock.patch.object(Watchdog, "__init__", record):
        yield
    for watchdog in started:
        watchdog.close()


@pytest.fixture(autouse=True)
def site_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Write the site's policy, which is not there before: never the host's own."""
    path = tmp_path / "config.toml"
    monkeypatch.setattr(installed, "POLICY", str(path))

    def write(text: str) -> None:
        path.write_text(text, encoding="utf-8")

    return write


@pytest.fixture(autouse=True)
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the journal's socket would be: never the host's own. There is none unless a test makes one."""
    path = tmp_path / "journal"
    monkeypatch.setattr(installed, "JOURNAL", str(path))
    return path


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


@pytest.fixture
def job_user() -> Iterator[int]:
    """Be a user who has no rights on the files but those of all, also where root runs the tests."""
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(NOBODY)
    try:
        yield os.geteuid()
    finally:
        if was_root:
            os.seteuid(0)


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    """The program's command line: as installed, but with the modules to test, and with the node's files here."""
    before = (
        f"from condor_kvm_stage import installed\ninstalled.POLICY = {installed.POLICY!r}\n"
        f"installed.SLOT_ATTRIBUTES = {str(tmp_path / 'state')!r}\n"
        f"installed.STAGING_CACHE = {str(tmp_path / 'staging')!r}\n"
        f"installed.JOURNAL = {installed.JOURNAL!r}\n"
    )
    if sys.version_info < (3, 11):  # where tomli is: the program runs without site, which tells a virtual environment
        before += f"import site\nsite.PREFIXES.insert(0, {sys.prefix!r})\n"
    path = tmp_path / "vm-nfs-plugin"
    return [sys.executable, *installed_plugin.write(path, installed_plugin.MODULES, before), str(path)]


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Let a directory be where this node has mounted filer:/export, as far as the plug-in can see."""

    def mount(directory: Path) -> None:
        mountinfo = tmp_path / "mountinfo"
        mountinfo.write_text(f"36 35 0:50 / {directory} rw shared:1 - nfs4 filer:/export rw\n")
        monkeypatch.setattr(mounts, "MOUNTINFO", str(mountinfo))

    return mount


@pytest.fixture
def plugin(program: list[str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the program with arguments, to its end."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*program, *arguments], capture_output=True, text=True, timeout=60, check=False)

    return run


@pytest.fixture
def out(tmp_path: Path) -> Path:
    path = tmp_path / "out"
    path.mkdir()
    return path


@pytest.fixture
def allowed(out: Path) -> StagingPolicy:
    """A policy that opens the directory `out`."""
    site = StagingPolicy()
    site.output_dirs = [str(out)]
    return site


@pytest.fixture
def result(scratch: Path) -> Path:
    """An output file with data at its beginning and near its end, and a hole of 64 MiB."""
    path = scratch / "result.raw"
    path.write_bytes(b"begin" * 1000)
    os.truncate(path, 64 << 20)
    with open(path, "r+b") as file:
        file.seek((63 << 20) + 5)
        file.write(b"end" * 100)
    return path
