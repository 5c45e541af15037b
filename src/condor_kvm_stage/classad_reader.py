"""Read ClassAds in the new syntax, as HTCondor writes them into a plug-in's in-file.

HTCondor's own library (`import classad2`) is the reference, but takes 28 ms to import. This is the part of the
language that the plug-in protocol needs. The reader accepts every expression but evaluates only string literals:
`Url` and `LocalFileName` are strings, and nothing else in an ad matters here.

Text in ClassAds is bytes. It is decoded as Python decodes file names (UTF-8, surrogateescape), so that bytes that are
not UTF-8 are preserved.
"""

from .errors import KvmStageError
from .text import to_text

_BLANK = " \t\r\n\v\f"
_CLOSER = {"[": "]", "{": "}", "(": ")"}
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_OCTAL = "01234567"


class ClassAdSyntaxError(KvmStageError):
    """The text is not a sequence of new-syntax ClassAds."""


def read_ads(data: bytes) -> "list[dict[str, str | None]]":
    """Read a sequence of ads (`[ Name = value; … ] [ … ]`) as HTCondor writes it into a plug-in's in-file.

    Returns a dictionary for each ad: its attributes by lower-case name (names are case-insensitive), as text where they
    are string literals and as None where they are any other expression.

    Raises ClassAdSyntaxError. The grammar is that of the ClassAd Language Reference Manual, section "Lexical
    structure"; escapes and the joining of adjacent strings are as in HTCondor's src/classad/lexer.cpp.
    """
    # One character per byte: this gives a scanner of bytes the methods of str, and octal escapes are bytes too.
    scanner = _Scanner(data.decode("latin-1"))
    ads = []
    while scanner.skip_blank():
        ads.append(scanner.read_ad())
    return ads


class _Scanner:
    """A position in a text that moves over one construct at a time. Uses loops, not recursion: ads are untrusted."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fail(self, expected: str) -> ClassAdSyntaxError:
        found = repr(self.text[self.at]) if self.at < len(self.text) else "the end"
        return ClassAdSyntaxError(f"ClassAd syntax: {expected} expected at byte {self.at}, found {found}")

    def skip_blank(self) -> bool:
        """Move over blanks and comments. Returns whether anything follows."""
        text = self.text
        while self.at < len(text):
            if text[self.at] in _BLANK:
                self.at += 1
            elif text.startswith("//", self.at):
                end = text.find("\n", self.at)
                self.at = len(text) if end < 0 else end
            elif text.startswith("/*", self.at):
                end = text.find("*/", self.at + 2)
                if end < 0:
                    raise self.fail("the end of the comment")
                self.at = end + 2
            else:
                return True
        return False

    def read_ad(self) -> "dict[str, str | None]":
        self.expect("[")
        ad: dict[str, str | None] = {}
        while True:
            if not self.skip_blank():
                raise self.fail("']'")
            if self.text[self.at] == "]":
                self.at += 1
                return ad
            if self.text[self.at] == ";":
                self.at += 1
                continue
            name = self.read_name()
            self.skip_blank()
            self.expect("=")
            ad[name.lower()] = self.read_value()  # of two attributes with the same name, the last one counts

    def expect(self, character: str) -> None:
        if not self.text.startswith(character, self.at):
            raise self.fail(repr(character))
        self.at += 1

    def read_name(self) -> str:
        if self.text[self.at] == "'":
            return self.read_quoted("'")
        start = self.at
        while self.at < len(self.text) and (self.text[self.at].isalnum() or self.text[self.at] == "_"):
            self.at += 1
        if self.at == start:
            raise self.fail("an attribute's name")
        return self.text[start : self.at]

    def read_value(self) -> "str | None":
        """Move over an expression, up to the `;` or `]` after it. Returns its text if it is only string literals."""
        strings: list[str] = []
        only_strings = True
        open_brackets: list[str] = []
        while self.skip_blank():
            c = self.text[self.at]
            if not open_brackets and c in ";]":
                if only_strings and not strings:
                    raise self.fail("an expression")
                if not only_strings:
                    return None
                # Joined before the escapes are replaced, as HTCondor does: "\1""0" is the byte \10
                return to_text(self.unescape("".join(strings)).encode("latin-1"))
            if c == '"' and not open_brackets:
                strings.append(self.read_raw('"'))
                continue
            only_strings = False
            if c in "\"'":
                self.read_quoted(c)
                continue
            if c in _CLOSER:
                open_brackets.append(_CLOSER[c])
            elif open_brackets and c == open_brackets[-1]:
                open_brackets.pop()
            elif c in "]})":
                raise self.fail(repr(open_brackets[-1]) if open_brackets else "';'")
            self.at += 1
        raise self.fail("']'")

    def read_quoted(self, quote: str) -> str:
        """Move over a string or quoted name. Returns its text, one character per byte."""
        return self.unescape(self.read_raw(quote))

    def read_raw(self, quote: str) -> str:
        """Move over a string or quoted name. Returns what stands between the quotes."""
        start = self.at
        self.at += 1
        while True:
            if self.at >= len(self.text):
                self.at = start
                raise self.fail("the end of the string")
            c = self.text[self.at]
            self.at += 1
            if c == quote:
                return self.text[start + 1 : self.at - 1]
            if c == "\0":
                raise self.fail("a character other than NUL")
            if c == "\\":
                self.at += 1

    def unescape(self, raw: str) -> str:
        """Return text with its escapes replaced: up to three octal digits (one byte, not NUL), or one character."""
        if "\\" not in raw:
            return raw
        parts: list[str] = []
        at = 0
        while at < len(raw):
            c = raw[at]
            at += 1
            if c != "\\":
                parts.append(c)
                continue
            first = raw[at : at + 1]
            end = at + 1
            if first and first in _OCTAL:
                longest = at + (3 if first in "0123" else 2)
                while end < longest and raw[end : end + 1] and raw[end] in _OCTAL:
                    end += 1
                code = int(raw[at:end], 8)
                if code == 0:
                    raise self.fail("a character other than NUL")
                parts.append(chr(code))
            else:
                parts.append(_ESCAPES.get(first, first))
            at = end
        return "".join(parts)
