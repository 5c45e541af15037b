"""The last lines of a guest's console reach the job's ad by Chirp, as the starter takes them, or nothing does."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from condor_kvm_stage import chirp
from support.domain import fake_starter
from support.domain.fake_starter import Chirp


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[Chirp]:
    with fake_starter.chirp(tmp_path) as listening:
        yield listening


@pytest.fixture(scope="module")
def patient_starter() -> Iterator[Chirp]:
    """One for all examples of a property."""
    with tempfile.TemporaryDirectory() as directory, fake_starter.chirp(Path(directory)) as listening:
        yield listening


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", ""),
        (b"\r\n\n \t\n", ""),
        (b"one line", "one line"),
        (b"first\r\nsecond\n", "first | second"),
        (b"10 %\r20 %\r30 %", "10 % | 20 % | 30 %"),
        (b'say "hi" \\o/', "say ?hi? ?o/"),
        (b"\x1b[31mred\x1b[0m \0 \xff", "?[31mred?[0m ? ?"),
        ("naïve … 日本\n".encode(), "naïve … 日本"),
    ],
)
def test_last_lines_become_one_of_plain_characters(text: bytes, expected: str) -> None:
    assert chirp.last_lines(text) == f'"{expected}"'


def test_as_many_lines_as_there_is_room_for_are_the_last_ones() -> None:
    shown = chirp.last_lines(b"".join(b"line %d\n" % number for number in range(1000)))
    assert shown.endswith(' | line 998 | line 999"')
    numbers = [int(number) for number in re.findall(r"line (\d+)", shown)]
    assert numbers == list(range(numbers[0], 1000))
    assert len(numbers) > 50


@pytest.mark.parametrize("line", [b"x" * 2000, b"a b " * 500, "ü".encode() * 1000, b" x" * 3000])
def test_line_that_is_too_long_by_itself_is_there_with_its_end(line: bytes) -> None:
    shown = chirp.last_lines(b"before\n" + line + b"THE END\n")
    assert shown.endswith('THE END"')
    assert len(shown) > 300


CONSOLES = st.binary(max_size=4096) | st.text(max_size=2000).map(lambda text: text.encode("utf-8", "surrogatepass"))


@settings(deadline=None)
@given(CONSOLES | st.text(" ab\n\t", max_size=3000).map(str.encode))
@example(b"a " * 2000)
@example(b"[    0.000000] " * 200)
def test_starter_takes_the_last_lines_of_any_console(patient_starter: Chirp, text: bytes) -> None:
    shown = chirp.last_lines(text)
    assert chirp.set_attribute(str(patient_starter.config), "ChirpConsole", shown)
    assert patient_starter.attributes[-1] == ("ChirpConsole", shown)


@settings(deadline=None)
@given(CONSOLES)
def test_last_lines_are_a_string_whatever_a_guest_prints(text: bytes) -> None:
    shown = chirp.last_lines(text)
    assert shown.isprintable()
    assert not set(shown[1:-1]) & set('"\\')
    assert (shown[0], shown[-1]) == ('"', '"')


@pytest.mark.parametrize("at_once", [False, True])
def test_attribute_is_set_once_at_once_if_the_job_may(starter: Chirp, at_once: bool) -> None:
    starter.at_once = at_once
    assert chirp.set_attribute(str(starter.config), "ChirpConsole", '"a b\\c"')
    updates = [rb'set_job_attr ChirpConsole "a\ b\\c"', rb'set_job_attr_delayed ChirpConsole "a\ b\\c"']
    assert starter.lines == [b"cookie 0123456789abcdef", *(updates[:1] if at_once else updates)]
    assert starter.attributes == [("ChirpConsole", '"a b\\c"')]


def test_starter_that_does_not_take_it_is_no_error(starter: Chirp) -> None:
    starter.answer = b"-2"
    assert not chirp.set_attribute(str(starter.config), "ChirpConsole", '"a"')


def test_wrong_cookie_ends_it(starter: Chirp) -> None:
    starter.config.write_text(starter.config.read_text().replace(fake_starter.COOKIE, "f" * 16))
    assert not chirp.set_attribute(str(starter.config), "ChirpConsole", '"a"')
    assert len(starter.lines) == 1


@pytest.mark.parametrize(
    "text", ["", "127.0.0.1\n", "127.0.0.1 x y\n", "127.0.0.1 99999 y\n", "a b c d\n", "\udcff", "\0 1 c"]
)
def test_file_that_says_nothing_of_a_starter_is_no_error(tmp_path: Path, text: str) -> None:
    config = tmp_path / "config"
    config.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert not chirp.set_attribute(str(config), "ChirpConsole", '"a"')
    assert not chirp.set_attribute(f"{tmp_path}/none", "ChirpConsole", '"a"')


def test_starter_that_is_gone_or_says_nothing_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chirp, "_TIMEOUT", 0.2)
    config = tmp_path / "config"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config.write_text(f"127.0.0.1 {listener.getsockname()[1]} cookie\n")
        assert not chirp.set_attribute(str(config), "ChirpConsole", '"a"')
    assert not chirp.set_attribute(str(config), "ChirpConsole", '"a"')


def test_file_that_the_job_has_replaced_stops_nothing(tmp_path: Path) -> None:
    fifo, huge, link = (tmp_path / name for name in ("fifo", "huge", "link"))
    os.mkfifo(fifo)
    with open(huge, "wb") as file:
        file.truncate(1 << 40)
    link.symlink_to(huge)
    for config in (fifo, huge, link):
        assert not chirp.set_attribute(str(config), "ChirpConsole", '"a"')


@pytest.mark.parametrize(("answer", "pause"), [(b"1" * 4096, 0.0), (b"1", 0.02)])
def test_who_answers_in_the_starters_place_without_end_is_not_heard_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes, pause: float
) -> None:
    monkeypatch.setattr(chirp, "_TIMEOUT", 0.5)
    sent = 0

    def serve(listener: socket.socket) -> None:
        nonlocal sent
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            while sent < 1 << 28:
                sent += connection.send(answer)
                time.sleep(pause)

    config = tmp_path / "config"
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config.write_text(f"127.0.0.1 {listener.getsockname()[1]} cookie\n")
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        assert not chirp.set_attribute(str(config), "ChirpConsole", '"a"')
        thread.join(60)
    assert sent < 1 << 25, "what is taken up is what sockets buffer"
    assert time.monotonic() < began + 20
