"""Fixtures, options and rules of all tests: no skip that hides, signals as in a terminal."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import processes, public_directories

REPOSITORY = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data"

# Under nohup, and in the background of a script, SIGINT is ignored, and so it would be in all programs that tests start
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files from what is rendered now")
    parser.addoption(
        "--no-skips", action="store_true", help="a test that is skipped on a machine that can run it fails"
    )


@pytest.hookimpl(hookwrapper=True)  # EL 9's pytest knows no other kind
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    report: pytest.TestReport = outcome.get_result()  # type: ignore[attr-defined]
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("--no-skips"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not _is_excused(reason):
            report.outcome = "failed"
            report.longrepr = f"{reason}: but this machine can run it (--no-skips)"


def _is_excused(reason: str) -> bool:
    """What a machine may lack: root, a device, a format that its qemu-img is built without."""
    lacks = [
        (os.geteuid() != 0, "only root"),
        (not os.path.exists("/dev/kvm"), "boots a guest"),
        (not os.path.exists("/dev/fuse"), "breaks a share"),
        (True, "Unknown file format"),
    ]
    return any(is_lacking and text in reason for is_lacking, text in lacks)


class SharedChildren:
    """The children that fixtures start for more than one module, as nodes."""

    def __init__(self) -> None:
        self.pids: set[int] = set()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Iterator[None]:
        shared = fixturedef.scope in ("session", "package")
        before = set(processes.children()) if shared else set()
        yield
        if shared:
            self.pids.update(set(processes.children()) - before)


_SHARED = SharedChildren()


def pytest_configure(config: pytest.Config) -> None:
    # As a plug-in: pytest does not call the hooks of a conftest.py below its root directory for a session's fixtures
    config.pluginmanager.register(_SHARED)


@pytest.fixture(scope="module", autouse=True)
def _no_process_is_left_behind() -> Iterator[None]:
    """A module of tests ends the processes that it starts: none is a child of this process any more, soon after."""
    before = set(processes.children())
    yield
    kept = before | _SHARED.pids
    processes.wait_for(lambda: not processes.reaped(kept), f"all children have ended: {processes.described(kept)}")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the golden file at a path in tests/data. A missing file fails the test."""

    def compare(name: str, text: str) -> None:
        path = DATA / name
        if request.config.getoption("--update-golden"):
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"no golden file {path}; run pytest --update-golden, and read what it wrote"
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A temporary directory that everybody may search, in the place of pytest's own."""
    with public_directories.public() as path:
        yield path
