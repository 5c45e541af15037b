"""The manual pages, as tests read them: sections, terms of definition lists, literal blocks."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

MAN = Path(__file__).parents[2] / "packaging/man"


class Page:
    """The source of a page, given its name with its section, as `vm-nfs-plugin.1`."""

    def __init__(self, name: str) -> None:
        self.path = MAN / f"{name}.rst"
        self.text = self.path.read_text(encoding="utf-8")

    def sections(self) -> list[str]:
        """The titles, in order."""
        return re.findall(r"^([A-Z ]+)\n=+$", self.text, re.MULTILINE)

    def section(self, title: str) -> str:
        """The text of a section."""
        match = re.search(rf"^{title}\n=+\n(.*?)(?=^[A-Z ]+\n=+\n|\Z)", self.text, re.MULTILINE | re.DOTALL)
        assert match, title
        return match[1]


def terms(text: str, indent: int = 0) -> list[str]:
    """The terms in literal type, as ``x``, that begin a line; of one line all, where commas are between them."""
    lines = re.findall(rf"^ {{{indent}}}(``.*)$", text, re.MULTILINE)
    return [term for line in lines for term in re.findall(r"``([^`]+)``(?:, |$)", line)]


def literals(text: str) -> list[str]:
    """The literal blocks, without their indentation."""
    blocks = re.findall(r"::\n\n((?:    .*\n|\n)+)", text)
    return [textwrap.dedent(block).strip("\n") + "\n" for block in blocks]


def all_pages() -> list[str]:
    """The names of all pages."""
    return sorted(path.name[: -len(".rst")] for path in MAN.glob("*.rst"))
