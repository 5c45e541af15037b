"""Of what is written beginning and end are kept, to the byte, and never more than the cap, however it is written."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from condor_kvm_stage.domain.capped_log import CappedLog

SMALLEST = 4096
NOTE = re.compile(rb"\n\[(\d+) bytes are omitted here \(limit: [^\n]*\)\]\n")


def kept(chunks: Iterable[bytes], largest: int) -> bytes:
    """What is in the file at the end. It is never larger than it may be before, either."""
    with tempfile.TemporaryFile() as file:
        capped = CappedLog(file.fileno(), largest)
        for chunk in chunks:
            capped.write(chunk)
            assert os.fstat(file.fileno()).st_size <= largest
        capped.finish()
        file.seek(0)
        return file.read()


def text(length: int) -> bytes:
    """Bytes of which no part is like another."""
    return b"".join(b"%07d\n" % number for number in range(length // 8 + 1))[:length]


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """The data in pieces of these sizes, again and again."""
    chunks: list[bytes] = []
    at = 0
    while at < len(data):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(data[at : at + size])
        at += size
    return chunks


PIECES = st.lists(st.integers(1, 200) | st.integers(1, 20_000), min_size=1, max_size=4)


@settings(deadline=None)
@given(st.integers(0, 5 * SMALLEST), st.integers(SMALLEST, 2 * SMALLEST), PIECES)
@example(SMALLEST - 128, SMALLEST, [1000])
@example(SMALLEST - 127, SMALLEST, [1000])
@example(SMALLEST, SMALLEST, [SMALLEST])
@example(100 * SMALLEST, SMALLEST + 1, [7, 100_000])
def test_what_fits_is_kept_as_it_is_and_of_the_rest_beginning_and_end(
    length: int, largest: int, pieces: list[int]
) -> None:
    data = text(length)
    found = kept(cut(data, pieces), largest)
    assert len(found) <= largest
    if length <= largest - 128:
        event("fits")
        assert found == data
        return
    event("does not fit")
    (note,) = NOTE.finditer(found)
    head, tail = found[: note.start()], found[note.end() :]
    assert data.startswith(head)
    assert data.endswith(tail)
    assert len(head) + len(tail) + int(note[1]) == length
    assert len(head) == largest // 2
    assert len(tail) >= largest - largest // 2 - 128
    assert largest - len(found) < 128


def test_size_at_the_end_is_that_of_the_longest_note_at_most() -> None:
    """As after years."""
    with tempfile.TemporaryFile() as file:
        capped = CappedLog(file.fileno(), SMALLEST)
        capped.write(text(2 * SMALLEST))
        capped._written += 10**30
        capped.finish()
        assert os.fstat(file.fileno()).st_size <= SMALLEST


def test_nothing_written_is_an_empty_file() -> None:
    assert kept([], SMALLEST) == b""
    assert kept([b"", b""], SMALLEST) == b""


def test_note_says_who_can_have_more_kept() -> None:
    assert b"guest.console in the node's policy" in kept([text(5000)], SMALLEST)


def test_what_cannot_be_written_is_an_error_and_what_was_stays(tmp_path: Path) -> None:
    """As on a full disk, of which somebody frees some."""
    with open("/dev/full", "r+b", buffering=0) as full:
        capped = CappedLog(full.fileno(), SMALLEST)
        with pytest.raises(OSError, match="No space left on device"):
            capped.write(b"lost")
        path = tmp_path / "file"
        with open(path, "w+b") as file:
            os.dup2(file.fileno(), full.fileno())
            capped.write(b"kept")
            capped.finish()
    assert path.read_bytes() == b"kept"
