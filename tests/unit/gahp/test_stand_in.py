"""What the starter hears in place of a vm-gahp that has ended."""

from __future__ import annotations

import pytest

from condor_kvm_stage.gahp.stand_in import StandIn


@pytest.fixture
def stand_in() -> StandIn:
    return StandIn(lambda: b"1 NULL", {b"7": b"CONDOR_VM_STATUS"})


def test_requests_that_had_no_result_get_one(stand_in: StandIn) -> None:
    assert stand_in.answer(b"RESULTS\r\n") == b"S 1\n7 0 STATUS=Stopped\n"
    assert stand_in.answer(b"RESULTS\r\n") == b"S 0\n"


def test_stop_of_a_guest_that_has_ended_succeeds(stand_in: StandIn) -> None:
    """A failure would cost the node its VM universe (VMProc::StopVM() of HTCondor)."""
    assert stand_in.answer(b"CONDOR_VM_STOP 8 1\r\n") == b"S\n"
    assert b"\n8 0 0\n" in stand_in.answer(b"RESULTS\r\n")


def test_start_becomes_what_the_judge_says(stand_in: StandIn) -> None:
    assert stand_in.answer(b"CLASSAD\r\n") == b"S\n"
    assert stand_in.answer(b'QUIT = "x"\r\n') == b""
    assert stand_in.answer(b"CLASSAD_END\r\n") == b"S\n"
    assert stand_in.answer(b"CONDOR_VM_START 8 kvm\r\n") == b"S\n"
    assert b"\n8 1 NULL\n" in stand_in.answer(b"RESULTS\r\n")
    assert not stand_in.has_quit


def test_quit_is_answered_and_known(stand_in: StandIn) -> None:
    assert stand_in.answer(b"QUIT\r\n") == b"S\n"
    assert stand_in.has_quit


def test_starter_finds_the_commands_that_it_needs(stand_in: StandIn) -> None:
    assert b" CONDOR_VM_START " in stand_in.answer(b"COMMANDS\r\n")
    assert stand_in.answer(b"SUPPORT_VMS\r\n") == b"S kvm\n"
    assert stand_in.answer(b"ASYNC_MODE_ON\r\n") == b"S\n"
