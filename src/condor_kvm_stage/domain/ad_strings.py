"""Read a string of the job's ad exactly, with quotation marks, backslashes and line breaks: arguments may have those.

What is read so belongs to the guest alone. The rest of the ad is read more strictly (job_ad.py).
"""

from __future__ import annotations

import re

from ..failures import ParameterError
from ..text import to_text

# What may follow a string: the end, or another attribute
_NEXT = re.compile(r"\n?\Z|\n[A-Za-z_'][^\n=]* = ")


def find(data: bytes, name: str) -> str | None:
    """Return the value of a string attribute, None if the ad has none. Raises ParameterError for anything else.

    In the old syntax a backslash stands for itself, except before a quotation mark; at the end of a string even there.
    So of a quotation mark at the end of a line, only what follows says whether it ends the string.
    """
    text = to_text(data)
    found = re.findall(f"^{name} = (.*)$", text, re.MULTILINE | re.IGNORECASE)
    if not found or found == ["undefined"]:
        return None
    if len(found) > 1:
        raise ParameterError(f"the job's ad has {name} more than once; write no line breaks into attributes")
    begin = re.search(f'^{name} = "', text, re.MULTILINE | re.IGNORECASE)
    if not begin:
        raise ParameterError(f"the job's {name} is an expression; it must be a string, written out")
    end = text.find('"', begin.end())
    while end >= 0:
        is_escaped = text[end - 1] == "\\" and end > begin.end()
        if _NEXT.match(text, end + 1):
            return text[begin.end() : end].replace('\\"', '"')
        if not is_escaped:
            break
        end = text.find('"', end + 1)
    raise ParameterError(f"the job's {name} is not a string that can be read; it must be a string, written out")
