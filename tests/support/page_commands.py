"""The commands on a page of documentation: blocks marked `console`, of lines that begin with `$ ` or, as root, `# `."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HERE_DOCUMENT = re.compile(r"<< '(\w+)'$")


@dataclass(frozen=True)
class Command:
    """A command, of several lines if it has a here-document. output: the lines that the page shows below it."""

    is_roots: bool
    text: str
    output: list[str]


def commands(page: str) -> list[Command]:
    """Return the commands of a page, in its order."""
    found: list[Command] = []
    for block in _BLOCK.findall(page):
        lines = iter(block.splitlines())
        for line in lines:
            if line[:2] not in ("# ", "$ "):
                found[-1].output.append(line)
                continue
            text = line[2:]
            document = _HERE_DOCUMENT.search(text)
            while document and not text.endswith(f"\n{document[1]}"):
                text += "\n" + next(lines)
            found.append(Command(line[0] == "#", text, []))
    return found
