"""A job's arguments and environment, from its ad, as HTCondor reads them. No I/O.

HTCondor has two syntaxes ("Argument Quoting" in the manual of condor_submit), and so two attributes of each: the first
one separates by blanks (arguments) or semicolons (environment) and cannot quote; in the second one single quotes group,
and two of them within quotes are one. See arg_list.cpp and env.cpp in its src/condor_utils.
"""

from __future__ import annotations

import re

from ..failures import ParameterError
from ..text import printable
from . import ad_strings

_BLANK = " \t\r\n"


def arguments(ad: bytes) -> list[str]:
    """Return the arguments of a job's program. Raises ParameterError."""
    second = ad_strings.find(ad, "Arguments")
    if second is not None:
        return split(second, "arguments")
    return [word for word in re.split(f"[{_BLANK}]+", ad_strings.find(ad, "Args") or "") if word]


def environment(ad: bytes) -> list[str]:
    """Return the environment of a job's program, as NAME=value. Raises ParameterError."""
    second = ad_strings.find(ad, "Environment")
    if second is not None:
        entries = split(second, "environment")
    else:
        delimiter = (ad_strings.find(ad, "EnvDelim") or ";")[0]
        first = ad_strings.find(ad, "Env") or ""
        entries = [entry.lstrip(_BLANK) for entry in re.split(f"[\n{re.escape(delimiter)}]", first)]
    entries = [entry for entry in entries if entry]
    wrong = next((entry for entry in entries if entry.find("=") < 1), "")
    if wrong:
        raise ParameterError(f"environment has '{printable(wrong)}'; write NAME=value")
    return entries


def split(text: str, what: str) -> list[str]:
    """Return the words of a text in the second syntax. what: its name in a submit file. Raises ParameterError."""
    words: list[str] = []
    word: str | None = None
    at = 0
    while at < len(text):
        character = text[at]
        at += 1
        if character in _BLANK:
            if word is not None:
                words.append(word)
            word = None
        elif character != "'":
            word = (word or "") + character
        else:
            quoted, at = _quoted(text, at, what)
            word = (word or "") + quoted
    return words if word is None else [*words, word]


def _quoted(text: str, at: int, what: str) -> tuple[str, int]:
    """Return what is in quotes from a position on, and the position after them."""
    begin = at
    while True:
        end = text.find("'", at)
        if end < 0:
            raise ParameterError(f"{what} has a single quote without a second one; to write one, write four: ''''")
        if not text.startswith("''", end):
            return text[begin:end].replace("''", "'"), end + 1
        at = end + 2
