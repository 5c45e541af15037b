"""The last line of a generated file, by which it is known whether somebody has edited it since."""

from __future__ import annotations

import hashlib

_BEGIN = "# Checksum of the lines above: "


def added(text: str) -> str:
    """Return a text that ends with a line's end, with its checksum as a further line."""
    return f"{text}{_BEGIN}{_digest(text)}\n"


def holds(text: str) -> bool:
    """Return whether a text ends with a line that added() made, and is what it was then."""
    above, found, rest = text.rpartition(_BEGIN)
    return bool(found) and rest == _digest(above) + "\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
