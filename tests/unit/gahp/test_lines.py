"""Lines and words of the protocol: whatever comes, comes out again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.gahp.lines import LineReader, word, words


@given(st.lists(st.binary()))
def test_nothing_is_lost_however_the_stream_is_cut(pieces: list[bytes]) -> None:
    reader = LineReader()
    lines = [line for piece in pieces for line in reader.feed(piece)]
    assert b"".join(lines) + reader.rest() == b"".join(pieces)
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)


@given(st.binary())
def test_any_line_has_words(line: bytes) -> None:
    assert words(line)


@given(st.lists(st.binary(min_size=1).filter(lambda word: b"\n" not in word), min_size=1))
def test_words_that_are_escaped_come_back(expected: list[bytes]) -> None:
    escaped = [b"".join(b"\\" + bytes((code,)) for code in word) for word in expected]
    assert words(b" ".join(escaped)) == expected


def test_words_are_as_the_starter_writes_them() -> None:
    assert words(b"CONDOR_VM_START 2 kvm\r\n") == [b"CONDOR_VM_START", b"2", b"kvm"]
    assert words(b"S Condor\\ VMGAHP\n") == [b"S", b"Condor VMGAHP"]


@given(st.text())
def test_any_text_is_one_word(text: str) -> None:
    assert words(word(text)) == [" ".join(text.split()).encode("utf-8", "replace")]
