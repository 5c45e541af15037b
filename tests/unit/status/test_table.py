"""The table: aligned and no wider than the terminal, whatever is in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.status import table
from condor_kvm_stage.status.text import columns, cut
from condor_kvm_stage.status.vm import Vm, Vms
from condor_kvm_stage.text import printable
from support import clock
from support.vms import ALICE, BERNARD, TWO, UNKNOWN

TEXT = st.text(max_size=120).map(printable)
_utc = pytest.fixture(autouse=True)(clock.utc)


def text(vms: Vms, width: int | None = None) -> str:
    return "".join(f"{line}\n" for line in table.lines(vms, width))


@pytest.mark.parametrize("width", [80, 120, None])
def test_table_is_as_recorded(golden: Callable[[str, str], None], width: int | None) -> None:
    many = Vms((ALICE, BERNARD, UNKNOWN, replace(ALICE, job="1300.0", owner="a-user-with-a-rather-long-name")), 2)
    golden(f"status/table-{width or 'pipe'}.txt", text(many, width))


def test_nothing_runs_is_said_in_words() -> None:
    assert text(Vms((), 0)) == "No job has a virtual machine on this node.\n"
    assert text(Vms((), 1)).endswith("\nVirtual machines that are no job's: 1\n")


@given(
    st.builds(
        Vm,
        name=TEXT,
        uuid=TEXT,
        job=TEXT,
        owner=TEXT,
        state=TEXT,
        reason=TEXT,
        images=st.lists(st.text(max_size=120)).map(tuple),
        memory=st.integers(0, 1 << 42),
        cpus=st.integers(0, 255),
        disk=st.none() | st.integers(0, 1 << 42),
        started=st.none() | st.floats(0, 4e9),
        cpu_seconds=st.none(),
        address=TEXT,
        console=TEXT,
    ),
    st.integers(80, 200),
)
def test_no_line_is_wider_than_the_terminal_and_none_can_break(vm: Vm, width: int) -> None:
    lines = list(table.lines(Vms((ALICE, vm), 0), width))
    assert len(lines) == 7
    assert all(columns(line) <= width and line.isprintable() for line in lines)


def test_columns_are_aligned() -> None:
    header, *rows = (line for line in text(TWO).splitlines() if not line.startswith("  "))
    for name in ("OWNER", "STATE", "STARTED", "ADDRESS"):
        at = header.index(name)
        assert all(row[at - 1] == " " and row[at] != " " for row in rows)
    for name in ("CPUS", "MEM", "DISK"):
        end = header.index(name) + len(name)
        assert all(row[end - 1] != " " and row[end] == " " for row in rows)


@pytest.mark.parametrize(("given", "room", "expected"), [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("日本語", 5, "日本…")])
def test_text_is_cut_by_columns(given: str, room: int, expected: str) -> None:
    assert cut(given, room) == expected
    assert columns(expected) <= room
