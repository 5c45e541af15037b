"""The last line on a guest's console: whatever a guest prints, and whatever the user puts in the file's place."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from condor_kvm_stage import scratch_files
from condor_kvm_stage.status import console
from support.processes import NOBODY

LARGEST = 1 << 20


@pytest.mark.parametrize(
    ("printed", "line"),
    [
        (b"first\nlogin: ", "login:"),
        (b"a\r\nb\r\n\r\n", "b"),
        (b"10%\r20%\r30%", "30%"),
        (b"\x1b[2J\x1b[1;31mred\x1b[0m", "red"),
        (b"\x1b]0;a title\x07shown", "shown"),
        (b"\x1b]52;c;cGFzdGU=\x1b\\shown", "shown"),
        (b"\x1bP1;2|device\x1b\\x\x1bc\x1b(By", "xy"),
        (b"\x07bell\x08\x08 nul\x00", "\\x07bell\\x08\\x08 nul\\x00"),
        (b"not UTF-8: \xff\xfe", "not UTF-8: \\udcff\\udcfe"),
        ("right to left: \u202eabc".encode(), "right to left: \\u202eabc"),
        ("grüße".encode(), "grüße"),
        (b"\n \n\t\r", ""),
        (b"", ""),
    ],
)
def test_last_line_is_text(printed: bytes, line: str) -> None:
    assert console.last_line(printed) == line


@given(st.binary(max_size=2000))
@example(b"\x1b[" * 2048)
@example(b"\x1b]" * 2048)
@example(b"\x1bP" + b"0;" * 2047)
@example(b"\xc2\x9b2J")
def test_no_console_gets_anything_but_text_to_the_terminal(printed: bytes) -> None:
    line = console.last_line(printed)
    assert line.isprintable()
    assert len(line) <= 400


def read(scratch: Path, user: int | None = None) -> str:
    (line,) = console.last_lines([(str(scratch), os.getuid() if user is None else user)], LARGEST, "a test")
    return line


def test_end_of_a_long_console_is_read(scratch: Path) -> None:
    (scratch / "console.log").write_bytes(b"x" * 100_000 + b"\nlast\n")
    assert read(scratch) == "last"


def test_console_that_has_its_end_in_the_middle_is_not_known(scratch: Path) -> None:
    (scratch / "console.log").write_bytes(b"line\n" * ((LARGEST - 128) // 5))
    assert read(scratch) == ""


def test_no_console_is_no_failure(scratch: Path) -> None:
    assert read(scratch) == ""
    assert console.last_lines([(str(scratch), None)], LARGEST, "a test") == [""]
    assert console.last_lines([], LARGEST, "a test") == []


def test_symlink_is_not_followed(scratch: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret\n")
    (scratch / "console.log").symlink_to(tmp_path / "secret")
    assert read(scratch) == ""


def test_fifo_is_not_waited_for(scratch: Path) -> None:
    os.mkfifo(scratch / "console.log")
    assert read(scratch) == ""


def test_directory_and_device_are_not_read(scratch: Path) -> None:
    (scratch / "console.log").mkdir()
    assert read(scratch) == ""


def test_console_on_a_file_system_that_hangs_costs_seconds_and_only_what_follows(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job's user can mount one of his own there."""
    (scratch / "console.log").write_text("login:\n")
    read_end = scratch_files.read_end

    def hang(path: str, *others: int) -> bytes | None:
        if path.startswith("/hangs"):
            time.sleep(3600)
        return read_end(path, *others)

    monkeypatch.setattr(scratch_files, "read_end", hang)  # in the child, too
    guests = [(str(scratch), os.getuid()), *[("/hangs", os.getuid())] * 16, (str(scratch), os.getuid())]
    lines = console.last_lines(guests, LARGEST, "a test")
    assert lines == ["login:", *[""] * 17]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_file_of_another_user_is_not_shown(scratch: Path) -> None:
    """It could be a hard link to a file that only root may read."""
    (scratch / "console.log").write_text("secret\n")
    assert read(scratch, NOBODY) == ""
    os.chown(scratch / "console.log", NOBODY, NOBODY)
    assert read(scratch, NOBODY) == "secret"
