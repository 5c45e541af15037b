"""What the plug-in makes of each condition of an NFS server: docs/nfs.md has the table, a test tries each cell."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from e2e.machine import filer
from testnode.node import Node


@dataclass(frozen=True)
class Outcome:
    """What a job's user gets."""

    status: int
    says: str = ""  # words of the message
    late: bool = False  # whether only the policy's timeout ends the attempt
    soft: bool = False  # whether it is possible through a soft mount only

    def fits(self, tried: filer.Tried, mount: str, slack: int) -> bool:
        """Return whether this came of it, through a mount. slack: seconds."""
        in_time = filer.TIMEOUT <= tried.seconds <= filer.TIMEOUT + slack if self.late else tried.seconds <= slack
        possible = "soft" in mount or not self.soft
        return possible and tried.status == self.status and self.says in tried.message and in_time

    def __str__(self) -> str:
        said = f"{self.status}, “{self.says}”" if self.status else "done"
        return said + ", after the timeout" * self.late + ", through a soft mount" * self.soft


@dataclass(frozen=True)
class Condition:
    """A condition, and what may come of it through a hard and a soft mount: one of the outcomes."""

    text: str
    make: Callable[[Node], AbstractContextManager[None]]
    stage: tuple[Outcome, ...]
    upload: tuple[Outcome, ...]


DONE = Outcome(0)
SILENT = Outcome(69, "the share does not answer", late=True)
FAULT = Outcome(69, "Input/output error", soft=True)
STALE = Outcome(69, "Stale file handle")
REFUSED = Outcome(77, "refuses the job's user")

CONDITIONS = (
    Condition("answers", lambda _: nullcontext(), (DONE,), (DONE,)),
    Condition("drops packets", filer.cut_off, (SILENT, FAULT), (SILENT, FAULT)),
    Condition("refuses connections (nfsd is stopped)", filer.stopped, (SILENT, FAULT), (SILENT, FAULT)),
    Condition(
        "does not export the directory any more",
        lambda node: filer.exported(node, ""),
        (STALE, REFUSED),
        (STALE, REFUSED),
    ),
    Condition(
        "exports it read-only",
        lambda node: filer.exported(node, "ro"),
        (DONE,),
        (Outcome(74, "Read-only file system"),),
    ),
    Condition("exports another directory under the same name", filer.replaced, (STALE,), (STALE,)),
)


def table() -> str:
    """Return the table in Markdown."""
    rows = [("The server …", "an image is staged", "a file is uploaded"), ("---",) * 3]
    rows += [(c.text, " or ".join(map(str, c.stage)), " or ".join(map(str, c.upload))) for c in CONDITIONS]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def in_page(text: str) -> str:
    """Return the table in a page: its only one."""
    found = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return found[0] if found else ""
