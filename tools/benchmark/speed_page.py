"""The part of docs/speed.md that quotes the benchmark, generated from docs/benchmark.json."""

from __future__ import annotations

from .figures import digits
from .highlights import highlights
from .record import Record

BEGIN = "<!-- from docs/benchmark.json, by pytest --update-golden -->"
END = "<!-- to here -->"


def block(record: Record) -> str:
    """Return the block, without its two markers."""
    lines = ["| time with this package for … | … divided by that of … | median | quartiles |", "|---|---|---|---|"]
    for shown in highlights(record):
        ratio, low, high = (digits(value, 2) for value in (shown.ratio, shown.low, shown.high))
        lines.append(f"| {shown.work} | {shown.other} | {ratio} | {low} to {high} |")
    return "\n".join(lines)


def quoted(text: str) -> str:
    """Return the part of the page's text between the markers. Raises ValueError unless each marker is there once."""
    return _split(text)[1]


def replaced(text: str, block: str) -> str:
    """Return the page's text with another block between the markers. Raises ValueError like quoted()."""
    before, _, after = _split(text)
    return f"{before}{BEGIN}\n{block}\n{END}{after}"


def _split(text: str) -> tuple[str, str, str]:
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"docs/speed.md needs these two lines, once each, in this order:\n{BEGIN}\n{END}")
    before, rest = text.split(BEGIN)
    block, after = rest.split(END)
    return before, block.strip("\n"), after
