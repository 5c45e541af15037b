"""The base class of the exceptions whose message is for a user.

Only a main() prints them; any other exception that escapes is a bug.
"""


class KvmStageError(Exception):
    """A failure that the user can act on. The message is one line: the subject, the reason, the next step."""


def root_hint(error: OSError) -> str:
    """Return the end of a message: what to do if permission was denied, "" for other errors."""
    return "; run this as root" if isinstance(error, PermissionError) else ""
