"""The correct form of a line of the policy that is wrong, for the message: quotes, brackets, small letters.

Only forms that the key's check accepts are suggested. Imported only when there is an error.
"""

import re

from ..text import printable
from .keys import KEYS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Callable

_HEADER = re.compile(r"\s*\[([^]\[]*)\]\s*(#.*)?")
# Also with the colon of YAML
_SETTING = re.compile(r"\s*(?:(?P<table>\w+)\s*\.\s*)?(?P<key>\w+)\s*[=:]\s*(?P<value>.*)")
_ALMOST_HEADER = re.compile(r"\s*\[?\s*(?P<table>\w+)\s*[]:]?\s*")
_POSITION = re.compile(r" \(at line (\d+), column \d+\)")
# What people and their word processors put around a word
_QUOTES = "\"'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"


def of_syntax(text: str, parser_says: str, parse: "Callable[[str], object]") -> str:
    """Return the message about a text that is not TOML. parse: the parser, which raised ValueError(parser_says)."""
    position = _POSITION.search(parser_says)
    if not position:
        return parser_says
    number = int(position[1])
    lines = text.split("\n")
    # The parser can find the end of the text, or of a value, behind the last line
    line = lines[number - 1].rstrip("\r") if number <= len(lines) else ""
    where = f"line {number} is not TOML ({_POSITION.sub('', parser_says)})"
    table, key, value = _setting(lines, number)
    for correct in (*_settings(lines, number), *_headers(line), *_items(line)):
        if _helps(parse, [*lines[: number - 1], correct, *lines[number:]], number):
            return f"{where}: {_instead(line, correct)}"
    if key in KEYS.get(table, {}):
        try:
            KEYS[table][key](value.strip())
        except ValueError as error:
            return f"line {number}: {key} {error}; the line is: {line.strip()}"
    return f"{where}: {line.strip()}"


def of_value(text: str, number: int, key: str) -> str:
    """Return what to write instead of a line whose value the key's check refuses, "" if that cannot be said."""
    lines = text.split("\n")
    if _setting(lines, number)[1] != key:
        return ""
    correct = next(_settings(lines, number), "")
    return f"; {_instead(lines[number - 1], correct)}" if correct else ""


def _instead(line: str, correct: str) -> str:
    return f"instead of {line.strip()} write {correct}"


def _setting(lines: "list[str]", number: int) -> "tuple[str, str, str]":
    """Return the table, the key and the text of the value that a line sets; "" for what it does not say."""
    match = _SETTING.fullmatch(lines[number - 1].rstrip("\r")) if number <= len(lines) else None
    if not match:
        return "", "", ""
    headers = (_HEADER.fullmatch(line.rstrip("\r")) for line in reversed(lines[: number - 1]))
    table = match["table"] or next((header[1].strip() for header in headers if header), "")
    return table, match["key"], re.sub(r"\s#.*", "", match["value"])


def _settings(lines: "list[str]", number: int) -> "Iterator[str]":
    """Yield the settings that a key's check accepts and that a line with a wrong value can have meant."""
    table, key, value = _setting(lines, number)
    check, words = KEYS.get(table, {}).get(key), _words(value)
    if not check or not words:
        return
    before = lines[number - 1].lstrip().partition(key)[0]  # the table of a dotted key
    candidates: list[Any] = []
    if len(words) == 1:
        yes_or_no = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False}
        candidates += [yes_or_no[words[0].lower()]] if words[0].lower() in yes_or_no else []
        # A number as a size would be bytes, which nobody means
        candidates += [int(words[0])] if words[0].isdecimal() else [words[0], words[0].lower()]
    candidates += [words, [word.lower() for word in words]]
    for candidate in candidates:
        try:
            check(candidate)
        except ValueError:
            continue
        yield f"{before}{key} = {_toml(candidate)}"


def _items(line: str) -> "Iterator[str]":
    """Yield a line of a list that continues over lines, with quotes."""
    if "=" not in line and _words(line):
        yield ", ".join(_toml(word) for word in _words(line)) + ","


def _words(value: str) -> "list[str]":
    """Return the words of a value or list without quotes and brackets; none if one has special characters."""
    words = [word.strip(_QUOTES) for word in re.split(r"[][,\s]+", value)]
    plain = all(word == printable(word) and "\\" not in word for word in words)
    return [word for word in words if word] if plain else []


def _headers(line: str) -> "Iterator[str]":
    """Yield the header of a table that a line can have meant."""
    match = _ALMOST_HEADER.fullmatch(line)
    if match and match["table"] in KEYS:
        yield f"[{match['table']}]"


def _toml(value: "Any") -> str:
    if isinstance(value, list):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return str(value).lower() if isinstance(value, (bool, int)) else f'"{value}"'


def _helps(parse: "Callable[[str], object]", lines: "list[str]", number: int) -> bool:
    """Return whether the parser gets past a line."""
    try:
        parse("\n".join(lines))
    except ValueError as error:
        position = _POSITION.search(str(error))
        return position is None or int(position[1]) > number
    return True
