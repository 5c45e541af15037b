"""The timeout with a share: short with one that has been silent; what else fails or succeeds does not change it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from condor_kvm_stage.failures import NodeError
from condor_kvm_stage.share import watchdog
from condor_kvm_stage.share.watchdog import SilentError, Watchdog

if TYPE_CHECKING:
    from condor_kvm_stage.share.child import Heartbeat


def _act(seconds: float, heartbeat: Heartbeat) -> int:
    """Sleep, or fail if there is no time to."""
    if not seconds:
        raise NodeError("reason")
    time.sleep(seconds)
    return 5


def test_share_that_has_been_silent_is_waited_for_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "TIMEOUT_AFTER_SILENCE", 0.1)
    watched = Watchdog(lambda: (_act, 1), "some-program")
    cleaned: list[int] = []
    for seconds in (1, 0, 0):
        with pytest.raises(SilentError, match=rf"cannot wait: .* for {seconds} s"):
            watched.call((60,), "wait", cleaned.append)
    assert len(set(cleaned)) == 3


def test_imtimeout_is_never_longer_than_the_policys_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "TIMEOUT_AFTER_SILENCE", 30)
    watched = Watchdog(lambda: (_act, 0.1), "some-program")
    for _ in range(2):
        with pytest.raises(SilentError, match="for 0 s"):
            watched.call((60,), "wait")


def test_other_failures_and_successes_do_not_cost_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "TIMEOUT_AFTER_SILENCE", 0.1)
    watched = Watchdog(lambda: (_act, 60), "some-program")
    with pytest.raises(NodeError, match="reason"):
        watched.call((0,), "fail")
    assert watched.call((0.5,), "count") == 5
