"""Write ClassAds: in the new syntax for a plug-in's out-file, in the long format for its stdout.

Text in ClassAds is bytes; what Python decoded as it decodes file names (UTF-8, surrogateescape) is written unchanged.
"""

from .text import printable, to_bytes

TYPE_CHECKING = False  # not from typing, whose import takes as long as the interpreter's own start
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Union

    Flat = Union[bool, int, str]
    Value = Union[Flat, Mapping[str, "Value"], Sequence[Mapping[str, "Value"]]]


def write_ad(attributes: "Mapping[str, Value]") -> bytes:
    """Return the ad in the new syntax, on one line. Mappings become nested ads, sequences become lists of ads."""
    return to_bytes(_literal(attributes) + "\n")


def write_long(attributes: "Mapping[str, Flat]") -> bytes:
    """Return the ad in the "long" format: one attribute per line, so control characters are escaped.

    Flat ads only: in the old syntax a string in a nested ad cannot end with a backslash.
    """
    return to_bytes("".join(f"{name} = {_old_literal(value)}\n" for name, value in attributes.items()))


def _literal(value: "Value") -> str:
    if isinstance(value, str):
        return '"' + "".join(_escaped(c) for c in value) + '"'
    if isinstance(value, dict):
        return "[ " + "".join(f"{name} = {_literal(inner)}; " for name, inner in value.items()) + "]"
    if isinstance(value, list):
        return "{ " + ", ".join(_literal(inner) for inner in value) + " }"
    return str(value).lower()


def _old_literal(value: "Flat") -> str:
    if isinstance(value, str):  # a backslash stands for itself, except before a quote
        return '"' + printable(value).replace('"', '\\"') + '"'
    return str(value).lower()


def _escaped(c: str) -> str:
    if c in '"\\':
        return "\\" + c
    return c if c >= " " and c != "\x7f" else f"\\{ord(c):03o}"
