"""Versions: parsed from what programs print, and formatted."""

from __future__ import annotations


def version_in(text: str) -> tuple[int, ...]:
    """Return the first version in a program's output: (12, 8, 0) for `libvirtd (libvirt) 12.8.0`, () for none."""
    for word in text.split():
        parts = word.split(".")
        if len(parts) >= 2 and all(part.isascii() and part.isdecimal() for part in parts):
            return tuple(int(part) for part in parts)
    return ()


def dotted(version: tuple[int, ...]) -> str:
    """Return a version as text, such as 12.8.0; "" for an unknown one."""
    return ".".join(map(str, version))
