"""Fixtures of the fault tests: a share that can be broken, scratch directories of all kinds, the plug-in."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import public_directories
from support.processes import NOBODY

from . import program, share
from .images import make_qcow2
from .program import Plugin
from .share import Share

NO_FUSE = "" if os.path.exists("/dev/fuse") else "this machine has no /dev/fuse"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if NO_FUSE and _needs_fuse(item):
            item.add_marker(pytest.mark.skip(reason=f"breaks a share: {NO_FUSE}"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if NO_FUSE:
        terminalreporter.write_line(f"NO SHARE WAS BROKEN: {NO_FUSE}", red=True, bold=True)


def _needs_fuse(item: pytest.Item) -> bool:
    ours = Path(__file__).parent in item.path.parents  # pytest shows those of other directories, too
    return ours and isinstance(item, pytest.Function) and not {"broken", "mortal"}.isdisjoint(item.fixturenames)


@pytest.fixture(scope="session", autouse=True)
def _root() -> None:
    assert os.geteuid() == 0, "fault tests mount file systems, and run the plug-in as another user: run them as root"


@pytest.fixture(scope="session")
def installed() -> Iterator[tuple[Path, Path]]:
    with public_directories.public() as directory:
        yield program.install(directory)


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


@pytest.fixture(scope="module")
def _mounted() -> Iterator[Share]:
    with public_directories.public() as directory, share.mounted(directory) as made:
        yield made


@pytest.fixture
def broken(_mounted: Share) -> Iterator[Share]:
    """A share with `base.qcow2` (a disk of 64 MiB) and `base.raw` (8 MiB, all data), for a test to break."""
    fill(_mounted.source)
    yield _mounted
    _mounted.order("ok")
    _mounted.mount.stat()  # the share takes notice, so that it counts the next order's allowance from zero
    for path in _mounted.source.iterdir():
        path.unlink()


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Share]:
    """Another one, of the test's own: it may also die."""
    directory = tmp_path / "mortal"
    directory.mkdir()
    with share.mounted(directory) as made:
        fill(made.source)
        yield made


def fill(source: Path) -> None:
    make_qcow2(source / "base.qcow2")
    (source / "base.raw").write_bytes(b"\1" * (8 << 20))


@pytest.fixture
def output(scratch: Path) -> Path:
    """A file of the job that is to be uploaded."""
    path = scratch / "output"
    path.write_bytes(b"y" * (4 << 20))
    os.chown(path, NOBODY, NOBODY)
    return path


@pytest.fixture
def url(plugin: Plugin, broken: Share) -> str:
    """Where policy allows output."""
    plugin.set_policy(f'timeout = 1\noutput_dirs = ["{broken.mount}"]')
    return f"nfs://{broken.mount}/"
