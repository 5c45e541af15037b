"""Lines of the protocol between the starter and the vm-gahp: cut a stream into lines, and lines into words. No I/O.

Words are separated by blanks; a backslash takes the special meaning from the character after it (read_argv() in
src/condor_starter.V6.1/vm_gahp_server.cpp of HTCondor).
"""

from __future__ import annotations


class LineReader:
    """Cuts a stream into lines. What it was fed comes out again, byte by byte."""

    def __init__(self) -> None:
        self._rest = b""  # of a line that has not ended yet

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that have ended, each with its line feed."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [line + b"\n" for line in lines]

    def rest(self) -> bytes:
        """Return what has not ended with a line feed, and forget it."""
        rest, self._rest = self._rest, b""
        return rest


def word(text: str) -> bytes:
    """Return a text as one word."""
    line = " ".join(text.split()).encode("utf-8", "replace")
    return b"".join(b"\\" + bytes((code,)) if code in b" \\" else bytes((code,)) for code in line)


def words(line: bytes) -> list[bytes]:
    """Return the words of a line."""
    found = [b""]
    characters = iter(line.rstrip(b"\n"))
    for code in characters:
        character = bytes((code,))
        if character == b"\\":
            found[-1] += bytes((next(characters, code),))
        elif character == b" ":
            found.append(b"")
        elif character != b"\r":
            found[-1] += character
    return found
