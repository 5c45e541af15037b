"""Text from users: in printable form for messages, to and from bytes, and a path that is compared by its name."""


def printable(text: str) -> str:
    """Return text on one line, with everything that could break a log line or a terminal as a backslash escape.

    Paths and URLs come from job users, and are shown in hold reasons, event logs and on administrators' terminals.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text)


def ad_string(text: str) -> str:
    """Return text as a ClassAd string, in printable form, without what would need a backslash."""
    return '"' + printable(text).replace("\\", "/").replace('"', "'") + '"'


def to_bytes(text: str) -> bytes:
    """Return the bytes of a path or ClassAd: UTF-8; other bytes are preserved (surrogateescape)."""
    return text.encode("utf-8", "surrogateescape")


def to_text(data: bytes) -> str:
    """Return the text for which to_bytes() returns the same bytes."""
    return data.decode("utf-8", "surrogateescape")


_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._+-=:@%,")


def quoted(text: str) -> str:
    """Return text for a command in a message, quoted for the shell if necessary."""
    shown = printable(text)
    return shown if shown and _PLAIN.issuperset(shown) else "'" + shown.replace("'", "'\\''") + "'"


def is_under(path: str, directory: str) -> bool:
    """Return whether a path is under a directory, by its name only."""
    return path.startswith(directory.rstrip("/") + "/")
