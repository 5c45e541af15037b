"""The checksum in the last line of a generated file, which shows whether somebody has edited it."""

from __future__ import annotations

import hashlib

_BEGIN = "# Checksum of the lines above: "


def added(text: str) -> str:
    """Return a text, which ends with a newline, with a line added that has its checksum."""
    return f"{text}{_BEGIN}{of(text)}\n"


def holds(text: str) -> bool:
    """Return whether a text ends with a line from added(), and has not changed since."""
    above, found, rest = text.rpartition(_BEGIN)
    return bool(found) and rest == of(above) + "\n"


def of(text: str) -> str:
    """Return the checksum of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
