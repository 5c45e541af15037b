"""The root of the exceptions that carry a message for a user.

Only a main() prints them; anything else that escapes is a bug.
"""


class KvmStageError(Exception):
    """A failure that the user can act on: one line that names the thing, the reason and the next step."""


def root_hint(error: OSError) -> str:
    """Return the end of a message for what an administrator can do and this user cannot, "" for other errors."""
    return "; run this as root" if isinstance(error, PermissionError) else ""
