"""How a guest has ended, from libvirt's log of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage import installed
from condor_kvm_stage.gahp import guest_end
from condor_kvm_stage.gahp.guest_end import End

STAMP = "2026-11-27 08:01:19.092+0000"


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(installed, "GUEST_LOGS", str(tmp_path))
    return tmp_path / "guest.log"


@pytest.mark.parametrize(
    ("reason", "end"), [("shutdown", End.POWERED_OFF), ("crashed", End.CRASHED), ("destroyed", End.DESTROYED)]
)
def test_reason_is_what_libvirt_says(log: Path, reason: str, end: End) -> None:
    log.write_text(f"-msg timestamp=on\n{STAMP}: shutting down, reason={reason}\n")
    assert guest_end.read("guest", 0) is end


def test_earlier_guest_of_that_name_says_nothing(log: Path) -> None:
    log.write_text(f"{STAMP}: shutting down, reason=destroyed\n")
    size = guest_end.log_size("guest")
    assert guest_end.read("guest", size) is None
    with open(log, "a", encoding="utf-8") as file:
        file.write(f"{STAMP}: shutting down, reason=shutdown\n")
    assert guest_end.read("guest", size) is End.POWERED_OFF


def test_log_that_was_rotated_begins_again(log: Path) -> None:
    log.write_text(f"{STAMP}: shutting down, reason=shutdown\n")
    assert guest_end.read("guest", 1 << 20) is End.POWERED_OFF


@pytest.mark.parametrize("text", ["", "reason=shutdown\n", f"{STAMP}: shutting down, reason=migrated\n"])
def test_unknown_is_no_end(log: Path, text: str) -> None:
    log.write_text(text)
    assert guest_end.read("guest", 0) is None


def test_no_log_is_no_end(log: Path) -> None:
    assert guest_end.read("guest", 0) is None
    assert guest_end.log_size("guest") == 0


def test_each_end_has_an_exit_status_of_its_own_and_only_the_orderly_one_no_words() -> None:
    assert len({end.value for end in End}) == len(End)
    assert [end for end in End if not end.text] == [End.POWERED_OFF]
    assert End.POWERED_OFF.value == 0
