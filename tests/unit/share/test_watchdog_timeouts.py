"""The patience with a share: short with one that has been silent; what else fails or succeeds does not change it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from condor_kvm_stage.failures import NodeError
from condor_kvm_stage.share import watchdog
from condor_kvm_stage.share.watchdog import SilentError, Worker

if TYPE_CHECKING:
    from condor_kvm_stage.share.child import Beat


def _act(seconds: float, beat: Beat) -> int:
    """Sleep, or fail if there is no time to."""
    if not seconds:
        raise NodeError("reason")
    time.sleep(seconds)
    return 5


def test_share_that_has_been_silent_is_waited_for_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "IMPATIENT", 0.1)
    worker = Worker(lambda: (_act, 1))
    tidied: list[int] = []
    for seconds in (1, 0, 0):
        with pytest.raises(SilentError, match=rf"cannot wait: .* for {seconds} s"):
            worker.do((60,), "wait", tidied.append)
    assert len(set(tidied)) == 3


def test_impatience_is_never_longer_than_the_policys_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "IMPATIENT", 30)
    worker = Worker(lambda: (_act, 0.1))
    for _ in range(2):
        started = time.monotonic()
        with pytest.raises(SilentError):
            worker.do((60,), "wait")
        assert time.monotonic() - started < 20


def test_other_failures_and_successes_do_not_cost_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "IMPATIENT", 0.1)
    worker = Worker(lambda: (_act, 60))
    with pytest.raises(NodeError, match="reason"):
        worker.do((0,), "fail")
    assert worker.do((0.5,), "count") == 5
