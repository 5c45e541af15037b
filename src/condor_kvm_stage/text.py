"""Text that users wrote: how it is shown to people, and what bytes it stands for."""


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


_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._+-=:@%,")


def quoted(text: str) -> str:
    """Return text for a command in a message, which somebody will paste into a shell: quoted if it needs to be."""
    shown = printable(text)
    return shown if shown and _PLAIN.issuperset(shown) else "'" + shown.replace("'", "'\\''") + "'"
