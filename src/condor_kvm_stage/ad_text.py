"""A job's id and user from its ad in the long format, for messages only.

Nothing may depend on it: a string with a line break in it can look like another attribute. The plug-in uses this, too.
"""

from .text import to_text

LARGEST = 1 << 20  # bytes of an ad that are looked at; an ordinary one has 5 KiB


def job(ad: bytes) -> "tuple[str, str]":
    """Return the id, as 12.0, and the user's name; "" for what the ad does not say."""
    found = dict(line.split(" = ", 1) for line in to_text(ad[:LARGEST]).split("\n") if " = " in line)
    numbers = [found.get(name, "") for name in ("ClusterId", "ProcId")]
    return ".".join(numbers) if all(number.isdecimal() for number in numbers) else "", found.get("Owner", "").strip('"')
