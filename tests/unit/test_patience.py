"""The patience with a share: short with one that has been silent; what else fails or succeeds does not change it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from condor_kvm_stage.plugin import supervise
from condor_kvm_stage.plugin.failure import NodeError
from condor_kvm_stage.plugin.supervise import SilentError

if TYPE_CHECKING:
    from condor_kvm_stage.plugin.supervise import Beat


def _sleep(beat: Beat) -> int:
    time.sleep(60)
    return 0


def test_share_that_has_been_silent_is_waited_for_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "IMPATIENT", 0.1)
    patience = supervise.Patience(1)
    tidied: list[int] = []
    for seconds in (1, 0):
        with pytest.raises(SilentError, match=rf"cannot wait: .* for {seconds} s"):
            patience.run(_sleep, "wait", tidied.append)
    assert len(tidied) == 2


def test_impatience_is_never_longer_than_the_policys_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "IMPATIENT", 30)
    patience = supervise.Patience(0.1)
    for _ in range(2):
        with pytest.raises(SilentError):
            patience.run(_sleep, "wait")
        assert patience.timeout == 0.1


def test_other_failures_and_successes_do_not_cost_patience() -> None:
    def fail(beat: Beat) -> int:
        raise NodeError("reason")

    patience = supervise.Patience(60)
    assert patience.run(lambda beat: 5, "count") == 5
    with pytest.raises(NodeError, match="reason"):
        patience.run(fail, "fail")
    assert patience.timeout == 60
