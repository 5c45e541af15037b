"""A share that answers may take longer to open or to lock a file, one that does not may not."""

from __future__ import annotations

import _thread
import posix
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_kvm_stage.share import patience
from condor_kvm_stage.share.patience import granted
from condor_kvm_stage.share.watchdog import SilentError, Watchdog

if TYPE_CHECKING:
    from condor_kvm_stage.share.child import Heartbeat

TIMEOUT = 1.0  # seconds


def run(place: Path, waits: float) -> int:
    def action(heartbeat: Heartbeat) -> int:
        heartbeat("inspect")
        granted(lambda: time.sleep(waits), str(place), TIMEOUT, heartbeat)
        return 7

    with Watchdog(lambda: (action, TIMEOUT), "test") as watchdog:
        result: int = watchdog.call((), "wait")
        return result


def test_request_may_take_longer_than_the_timeout_while_the_share_answers(tmp_path: Path) -> None:
    assert run(tmp_path, 1.6 * TIMEOUT) == 7


def test_request_of_a_share_that_answers_is_given_up_after_twice_the_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for the length of one timeout, and silent for another."""
    asked, really = tmp_path / "asked", posix.statvfs

    def statvfs(path: str) -> posix.statvfs_result:
        with asked.open("a", encoding="ascii") as file:  # in the child
            file.write("x")
        return really(path)

    monkeypatch.setattr(posix, "statvfs", statvfs)
    started = time.monotonic()
    with pytest.raises(SilentError, match="the share answers, but lets a request to open or to lock a file wait"):
        run(tmp_path, 3600)
    assert time.monotonic() - started >= 2 * TIMEOUT
    assert asked.read_text(encoding="ascii") == "x" * patience._LOOKS


def test_request_of_a_share_that_reports_an_error_is_given_up_after_the_timeout(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(SilentError, match="the share does not answer; "):
        run(tmp_path / "gone", 3600)
    assert time.monotonic() - started >= TIMEOUT


def test_request_of_a_share_that_is_silent_is_given_up_after_the_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posix, "statvfs", lambda path: time.sleep(3600))
    with pytest.raises(SilentError, match="the share does not answer; "):
        run(tmp_path, 3600)


def test_error_of_the_request_is_the_callers(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        granted(lambda: posix.open(tmp_path / "gone", posix.O_RDONLY), str(tmp_path), TIMEOUT, lambda step: None)


def test_request_is_made_for_a_user_who_may_have_no_more_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    assert granted(lambda: 7, str(tmp_path), TIMEOUT, lambda step: None) == 7
