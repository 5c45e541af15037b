"""The exceptions that carry a message for a user, how text is shown, and how a program ends.

Only a main() prints the exceptions; anything else that escapes is a bug.
"""

import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


class KvmStageError(Exception):
    """A failure that the user can act on: one line that names the thing, the reason and the next step."""


def printable(text: str) -> str:
    """Return text on one line: what could break a log line or a terminal becomes a backslash escape.

    Paths and URLs come from job users, and end up in hold reasons, event logs and on an admin's terminal.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text)


def to_bytes(text: str) -> bytes:
    """Return the bytes that a path or ClassAd has on disk: UTF-8; what is none passes unharmed (surrogateescape)."""
    return text.encode("utf-8", "surrogateescape")


def to_text(data: bytes) -> str:
    """Return the text that to_bytes() makes the same bytes of."""
    return data.decode("utf-8", "surrogateescape")


def root_hint(error: OSError) -> str:
    """Return the end of a message for what an administrator can do and this user cannot, "" for other errors."""
    return "; run this as root" if isinstance(error, PermissionError) else ""


_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._+-=:@%,")


def quoted(text: str) -> str:
    """Return text for a command in a message, which somebody will paste into a shell: quoted if it needs to be."""
    shown = printable(text)
    return shown if shown and _PLAIN.issuperset(shown) else "'" + shown.replace("'", "'\\''") + "'"


def end(status: int, program: str, unwritten: int) -> "NoReturn":
    """End the process, with the exit status `unwritten` and a message where its output cannot be written.

    Without tidying up the interpreter first: that takes 3 of the plug-in's 22 ms, and 20 of the generator's 160.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream:  # None if it was closed when the program began
                stream.flush()
        except OSError as error:
            status = unwritten
            try:
                posix.write(2, f"{program}: cannot write the output: {error.strerror}\n".encode())
            except OSError:
                pass  # that is what could not be written
    posix._exit(status)
