"""What the starter waits for, in conversations as HTCondor has them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.gahp.conversation import GETPID, START, Conversation, is_failure

VERSION = b"$VMGahpVersion 0.0.1 May 1 2007 Condor\\ VMGAHP $\n"


def begun() -> Conversation:
    """A conversation up to the start's acknowledgement."""
    talk = Conversation()
    talk.answer(VERSION)
    for line in (b"COMMANDS\r\n", b"SUPPORT_VMS\r\n", b"ASYNC_MODE_ON\r\n", b"CLASSAD\r\n"):
        talk.ask(line)
        assert talk.answer(b"S\n") is None
    talk.ask(b'QUIT = "an attribute"\r\n')
    talk.ask(b"CLASSAD_END\r\n")
    talk.answer(b"S\n")
    talk.ask(b"CONDOR_VM_START 2 kvm\r\n")
    talk.answer(b"S\n")
    return talk


def results(talk: Conversation, *lines: bytes) -> list[bytes] | None:
    talk.ask(b"RESULTS\r\n")
    found = talk.answer(b"S %d\n" % len(lines))
    for line in lines:
        found = talk.answer(line)
    return found


def test_ad_has_no_commands() -> None:
    talk = begun()
    assert not talk.quitting
    assert not talk.in_ad
    assert not talk.unanswered


def test_start_is_under_way_until_it_has_a_result() -> None:
    talk = begun()
    assert talk.starting
    assert results(talk) == []
    assert talk.starting
    assert results(talk, b"2 0 1\n") == [b"2 0 1\n"]
    assert talk.result(b"2 0 1\n") == START
    assert not talk.starting
    assert talk.guest == b"1"


def test_failed_start_has_no_guest() -> None:
    talk = begun()
    assert results(talk, b"2 1 NULL\n") == [b"2 1 NULL\n"]
    assert talk.result(b"2 1 NULL\n") == START
    assert is_failure(b"2 1 NULL\n")
    assert talk.guest == b""


def test_job_may_end_once_the_starter_knows_the_guests_process() -> None:
    talk = begun()
    talk.result(b"2 0 1\n")
    assert not talk.ready
    talk.ask(b"CONDOR_VM_GETPID 3 1\r\n")
    talk.answer(b"S\n")
    assert talk.result(b"3 0 0\n") == GETPID
    assert talk.ready


def test_notice_of_new_results_answers_nothing() -> None:
    talk = begun()
    talk.ask(b"RESULTS\r\n")
    assert talk.answer(b"R\n") is None
    assert list(talk.unanswered) == [b"RESULTS\r\n"]


def test_answer_to_results_is_held_until_it_is_complete() -> None:
    talk = begun()
    talk.ask(b"RESULTS\r\n")
    assert talk.answer(b"S 2\n") is None
    assert talk.answer(b"2 0 1\n") is None
    assert talk.held == [b"S 2\n", b"2 0 1\n"]
    assert talk.answer(b"3 0 0\n") == [b"2 0 1\n", b"3 0 0\n"]
    assert not talk.held


@given(st.lists(st.tuples(st.booleans(), st.binary())))
def test_no_line_is_too_odd(lines: list[tuple[bool, bytes]]) -> None:
    talk = Conversation()
    for from_starter, line in lines:
        if from_starter:
            talk.ask(line + b"\n")
        else:
            for result in talk.answer(line + b"\n") or []:
                talk.result(result)
