"""Cut text for a terminal, by the columns that it takes there."""

from __future__ import annotations

import unicodedata

_MORE = "…"


def columns(text: str) -> int:
    """Return the columns that printable text takes, at most: two for a wide character, one for any other."""
    return sum(_width(character) for character in text)


def cut(text: str, room: int) -> str:
    """Return text, or its beginning and an ellipsis, so that it takes no more columns than there is room."""
    if columns(text) <= room:
        return text
    kept, left = "", room - 1
    for character in text:
        left -= _width(character)
        if left < 0:
            break
        kept += character
    return kept + _MORE


def _width(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
