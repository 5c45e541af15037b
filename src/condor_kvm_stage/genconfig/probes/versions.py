"""Versions, as programs print them and as people write them."""

from __future__ import annotations


def version_in(text: str) -> tuple[int, ...]:
    """Return the first version in a program's words, as (12, 8, 0) for `libvirtd (libvirt) 12.8.0`; () for none."""
    for word in text.split():
        parts = word.split(".")
        if len(parts) >= 2 and all(part.isascii() and part.isdecimal() for part in parts):
            return tuple(int(part) for part in parts)
    return ()


def dotted(version: tuple[int, ...]) -> str:
    """Return a version as people write it, "" for an unknown one."""
    return ".".join(map(str, version))
