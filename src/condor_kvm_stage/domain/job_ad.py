"""Parse the job's ad as HTCondor prints it for its helpers: `Name = expression` lines in the old syntax. Untrusted.

Only literals are accepted: HTCondor's daemons evaluate an expression, but its helpers get the text. Line breaks in a
string are printed unescaped, so that a value can continue in what look like further attributes. Therefore important
values come from the environment where possible (see job.py), and an attribute that appears twice is refused.
"""

from __future__ import annotations

import re

from ..failures import ParameterError
from ..text import printable, to_text
from . import raw_ad

LARGEST = raw_ad.LARGEST
_LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*) = (.*)")
_STRING = re.compile(r'"([^"\\]*)"')
_NUMBER = re.compile(r"[0-9]{1,9}")
_BOOLEANS = {"true": True, "false": False}


class Ad:
    """A job's ad."""

    def __init__(self, texts: dict[str, list[str]]) -> None:
        self._texts = texts  # expressions of the attributes, by lower-case name; several if it appears repeatedly

    def string(self, name: str) -> str | None:
        """Return a string attribute's value, None if the job has none. Raises ParameterError for anything else."""
        text = self._text(name)
        return None if text is None else self._match(name, _STRING, text, "a plain string")[1]

    def strings(self, name: str) -> list[str]:
        """Return all values of a string attribute; the vm-gahp may have added one."""
        texts = [text for text in self._texts.get(name.lower(), []) if text.lower() != "undefined"]
        return [self._match(name, _STRING, text, "a plain string")[1] for text in texts]

    def number(self, name: str) -> int | None:
        """Return the value of an attribute that is a whole number, 0 to 999999999; None if the job has none."""
        text = self._text(name)
        return None if text is None else int(self._match(name, _NUMBER, text, "a whole number")[0])

    def boolean(self, name: str) -> bool:
        """Return the value of a boolean attribute, False if the job has none."""
        text = self._text(name)
        if text is not None and text.lower() not in _BOOLEANS:
            raise _wrong(name, text, "true or false")
        return text is not None and _BOOLEANS[text.lower()]

    def has(self, name: str) -> bool:
        """Return whether the job has the attribute, with any value."""
        return name.lower() in self._texts

    def _text(self, name: str) -> str | None:
        texts = self._texts.get(name.lower(), [])
        if len(texts) > 1:
            raise ParameterError(
                f"the job's ad has {name} more than once; write no line breaks into attributes, and {name} once"
            )
        return None if not texts or texts[0].lower() == "undefined" else texts[0]

    def _match(self, name: str, pattern: re.Pattern[str], text: str, wanted: str) -> re.Match[str]:
        found = pattern.fullmatch(text)
        if not found:
            raise _wrong(name, text, wanted)
        return found


def read(data: bytes) -> Ad:
    """Parse an ad. Other lines, which continue a string, are ignored. Raises ParameterError."""
    if len(data) > LARGEST:
        raise ParameterError(f"the job's ad has more than {LARGEST} bytes; submit it with less in it")
    texts: dict[str, list[str]] = {}
    for line in to_text(data).split("\n"):
        found = _LINE.fullmatch(line)
        if found:
            texts.setdefault(found[1].lower(), []).append(found[2])
    return Ad(texts)


def _wrong(name: str, text: str, wanted: str) -> ParameterError:
    shown = printable(text if len(text) <= 80 else text[:80] + "…")
    return ParameterError(f"the job's {name} is {shown}; it must be {wanted}, written out: correct the submit file")
