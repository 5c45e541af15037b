"""Fixtures of the fault tests: a share that can be broken, scratch directories of all kinds, the plug-in."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from . import program, share
from .images import make_qcow2
from .program import NOBODY, Plugin
from .share import Share


@pytest.fixture(scope="session", autouse=True)
def _can_mount() -> None:
    if os.geteuid() != 0:
        pytest.skip("the fault tests mount file systems: run them as root")
    if not os.path.exists("/dev/fuse"):
        pytest.skip("the fault tests need FUSE, and this machine has no /dev/fuse")


def _public_directory() -> tempfile.TemporaryDirectory[str]:
    directory = tempfile.TemporaryDirectory(dir="/tmp", prefix="condor-kvm-stage-faults-")
    os.chmod(directory.name, 0o755)
    return directory


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A temporary directory that everybody may search, which pytest's own is not."""
    with _public_directory() as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def installed() -> Iterator[tuple[Path, Path]]:
    with _public_directory() as directory:
        yield program.install(Path(directory))


@pytest.fixture
def plugin(installed: tuple[Path, Path], tmp_path: Path) -> Plugin:
    """The program, with the default policy."""
    lists = tmp_path / "lists"
    lists.mkdir()
    lists.chmod(0o755)
    plugin = Plugin(*installed, lists)
    plugin.set_policy("")
    return plugin


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """An empty scratch directory of the job's user."""
    path = tmp_path / "scratch"
    path.mkdir()
    os.chown(path, NOBODY, NOBODY)
    return path


@pytest.fixture
def small_scratch(scratch: Path) -> Iterator[Callable[[str], Path]]:
    """Make the scratch directory a tmpfs with options; again: with other ones."""

    def mount(options: str) -> Path:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"uid={NOBODY},mode=755,{options}", "tmpfs", scratch], check=True)
        return scratch

    yield mount
    share.unmount(scratch)


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[Share]:
    """A share with `base.qcow2` (a disk of 64 MiB) and `base.raw` (8 MiB, all data), for a test to break."""
    directory = tmp_path / "broken"
    directory.mkdir()
    with share.mounted(directory) as made:
        make_qcow2(made.source / "base.qcow2")
        (made.source / "base.raw").write_bytes(b"x" * (8 << 20))
        yield made
