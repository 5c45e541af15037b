"""What a terminal shows while the generator waits; and that a file or a pipe gets nothing."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest

from condor_kvm_stage.genconfig import progress
from support.fake_host import FakeHost


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_AFTER", 0.05)
    monkeypatch.setattr(progress, "_EVERY", 0.05)


def wait_for(stream: io.StringIO, text: str) -> None:
    deadline = time.monotonic() + 10
    while text not in stream.getvalue():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_terminal_shows_what_is_waited_for_and_is_clean_in_the_end(tmp_path: Path) -> None:
    host, stream = FakeHost(tmp_path), Terminal()
    host.running = ["virsh", "find", "virsh"]
    with progress.showing(host, stream):
        wait_for(stream, "waiting for find, virsh")
    assert stream.getvalue().endswith(progress._CLEAR)


def test_line_is_removed_before_something_else_is_printed(tmp_path: Path) -> None:
    stream = Terminal()
    with progress.showing(FakeHost(tmp_path), stream) as shown:
        wait_for(stream, "waiting for HTCondor")
        shown.clear()
        assert progress._CLEAR in stream.getvalue()


def test_who_is_quick_shows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_AFTER", 60)
    stream = Terminal()
    with progress.showing(FakeHost(tmp_path), stream):
        pass
    assert stream.getvalue() == ""


def test_file_or_pipe_gets_nothing(tmp_path: Path) -> None:
    stream = io.StringIO()
    with progress.showing(FakeHost(tmp_path), stream):
        time.sleep(0.2)
    assert stream.getvalue() == ""
