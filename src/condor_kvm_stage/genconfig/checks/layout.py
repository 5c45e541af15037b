"""How a report looks where it goes: colour and width of a terminal; neither in a file or a pipe."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Iterator
from typing import TextIO

from ...record import dataclass
from ...text import printable
from .model import Check, Level

_COLOURS = {Level.OK: "32", Level.NOTE: "34", Level.WARN: "33", Level.FAIL: "31", Level.NOT_APPLICABLE: "2"}
_INDENT = " " * 6  # the width of a level
_LEAST_WIDTH = 40  # of a terminal; below it wrapping makes nothing easier to read


@dataclass(frozen=True)
class Layout:
    """Colour and width."""

    colour: bool = False
    width: int | None = None  # columns, None for no limit: each text on one line, for grep


def of_stream(stream: TextIO) -> Layout:
    """Return the layout for a stream. On a terminal NO_COLOR (no-color.org) and TERM=dumb switch colour off."""
    if not stream.isatty():
        return Layout()
    colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Layout(colour, max(_LEAST_WIDTH, shutil.get_terminal_size().columns))


def lines(check: Check, layout: Layout) -> Iterator[str]:
    """Yield the lines of a verdict: level, check and finding, and indented below it what to do next."""
    level = f"{check.level.value:4}"
    first, *rest = wrapped(f"{check.group} {check.name}: {check.found}", layout, f"{level}  ", _INDENT)
    if layout.colour:
        first = f"\033[{_COLOURS[check.level]}m{level}\033[0m{first[len(level) :]}"
    yield first
    yield from rest
    if check.next_step:
        yield from wrapped(check.next_step, layout, f"{_INDENT}-> ", f"{_INDENT}   ")


def wrapped(text: str, layout: Layout, before: str = "", before_others: str = "") -> list[str]:
    """Return a text in lines of the layout's width. Words, such as paths and URLs, are not split.

    before: the beginning of the first line. before_others: that of the others.
    """
    if layout.width is None:
        return [before + printable(text)]
    return textwrap.wrap(
        printable(text),
        layout.width,
        initial_indent=before,
        subsequent_indent=before_others,
        break_long_words=False,
        break_on_hyphens=False,
    )
