"""The virtual machines for people: a line of columns for each, and below it what can be long."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ..text import printable
from .text import columns, cut
from .vm import Vm, Vms

LEAST_WIDTH = 80  # columns; a narrower terminal breaks the lines
_HEADER = ("JOB", "OWNER", "STATE", "STARTED", "CPUS", "MEM", "DISK", "ADDRESS")
_RIGHT = (4, 5, 6)  # numbers, which are never cut
_OWNER = 1
_LEAST = 8  # columns that a user keeps as long as there is something else to be cut
_UNKNOWN = "-"


def lines(vms: Vms, width: int | None) -> Iterator[str]:
    """Yield the lines. width: columns of the terminal, None for no limit."""
    if vms.of_jobs:
        rows = [_HEADER, *map(_row, vms.of_jobs)]
        widths = _widths(rows, width)
        yield _line(_HEADER, widths)
        for vm, row in zip(vms.of_jobs, rows[1:]):
            yield _line(row, widths)
            yield from _details(vm, width)
    else:
        yield "No job has a virtual machine on this node."
    if vms.others:
        yield f"Virtual machines that are no job's: {vms.others}"


def _row(vm: Vm) -> tuple[str, ...]:
    return (
        vm.job,
        vm.owner or _UNKNOWN,
        vm.shown_state,
        _UNKNOWN if vm.started is None else time.strftime("%b %d %H:%M", time.localtime(vm.started)),
        str(vm.cpus),
        str(vm.memory >> 20),
        _UNKNOWN if vm.disk is None else str(-(-vm.disk >> 20)),
        vm.address or _UNKNOWN,
    )


def _widths(rows: list[tuple[str, ...]], width: int | None) -> list[int]:
    """Return the columns' widths: as wide as what is in them; the widest text is cut if there is no room."""
    widths = [max(columns(row[number]) for row in rows) for number in range(len(_HEADER))]
    while width is not None and sum(widths) + len(widths) - 1 > width:
        texts = [number for number in range(len(widths)) if number not in _RIGHT]
        # First the user, of whom a few letters mostly do
        widest = max(texts, key=lambda number: (number == _OWNER and widths[number] > _LEAST, widths[number]))
        widths[widest] -= 1
    return widths


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = []
    for number, (text, width) in enumerate(zip(row, widths)):
        shown = cut(text, width)
        blanks = " " * (width - columns(shown))
        cells.append(blanks + shown if number in _RIGHT else shown + blanks)
    return " ".join(cells).rstrip()


def _details(vm: Vm, width: int | None) -> Iterator[str]:
    for name, text in (("image", ", ".join(map(printable, vm.images))), ("console", vm.console)):
        line = f"  {name:7} {text or _UNKNOWN}"
        yield line if width is None else cut(line, width)
