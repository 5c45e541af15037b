"""What becomes of jobs and of the node in each condition of an NFS server: the table in docs/nfs.md."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from e2e.machine import filer, troubles
from e2e.machine.rows import GUEST, HEALTH, STAGE, UPLOAD, Cell, Row
from testnode.node import Node

OWN = {"a mount of its own": troubles.OWN}
_READERS = ("NFS 4.2, hard", "NFS 3, soft")  # whose guests run before: each version, each kind of mount
_GOES_ON = "goes on"


@dataclass(frozen=True)
class Outcome:
    """What a job's user gets."""

    status: int
    says: str = ""  # words of the message
    late: bool = False  # whether only the policy's timeout ends the attempt
    slow: bool = False  # whether it may take twice that
    mounts: str = ""  # a word in the names of those through which it is possible, "" for all

    def fits(self, cell: Cell, slack: int) -> bool:
        """Return whether this came of it. slack: seconds."""
        least = filer.TIMEOUT if self.late else 0
        most = 2 * filer.TIMEOUT if self.slow else least
        return (
            self.mounts in cell.mount
            and cell.status == self.status
            and self.says in cell.says
            and least <= cell.seconds <= most + slack
        )

    def __str__(self) -> str:
        said = f"{self.status}, “{self.says}”" if self.status else "done"
        return said + ", after the timeout" * self.late + (self.mounts and f", through {self.mounts}")


@dataclass(frozen=True)
class Guest:
    """What a guest does whose image is there, and when it is over."""

    does: str
    then: str = _GOES_ON
    mounts: str = ""  # as Outcome's

    def fits(self, cell: Cell, _: int) -> bool:
        return self.mounts in cell.mount and (cell.says, cell.after) == (self.does, self.then)

    def __str__(self) -> str:
        if self.does == _GOES_ON or not self.then:
            ends = ""
        else:
            ends = ", also minutes after it is over" if self.then == self.does else f", then {self.then}"
        return self.does + ends + (self.mounts and f", through {self.mounts}")


@dataclass(frozen=True)
class Watch:
    """What the node's watch says of it: which checks fail."""

    failed: str = ""
    says: str = ""  # words of the reason, which the test compares

    def fits(self, cell: Cell, _: int) -> bool:
        # which of two checks is the first to notice is a matter of moments
        failed = set(filter(None, cell.failed.split(",")))
        expected = set(filter(None, self.failed.split(",")))
        return bool(failed) == bool(expected) and failed <= expected and self.says in cell.says and not cell.after

    def __str__(self) -> str:
        return f"{self.failed.replace(',', ' and ')}: “{self.says}”" if self.failed else "nothing"


@dataclass(frozen=True)
class Condition:
    """A condition, and what may come of it, one of the outcomes of each column."""

    text: str
    make: Callable[[Node], AbstractContextManager[None]]
    stage: tuple[Outcome, ...]
    upload: tuple[Outcome, ...]
    guest: tuple[Guest, ...]
    health: tuple[Watch, ...]
    places: dict[str, str] = field(default_factory=lambda: filer.PLACES)
    before: tuple[str, ...] = _READERS  # the mounts whose guests run before
    during: tuple[str, ...] = ()  # those whose guests start then

    def expected(self) -> dict[str, tuple[Outcome | Guest | Watch, ...]]:
        """Return the outcomes by column."""
        return {STAGE: self.stage, UPLOAD: self.upload, GUEST: self.guest, HEALTH: self.health}

    def wrong(self, row: Row, slack: int) -> list[Cell]:
        """Return what should not have come of it."""
        return [
            cell
            for column, cells in row.items()
            for cell in cells
            if not any(outcome.fits(cell, slack) for outcome in self.expected()[column])
        ]


DONE = Outcome(0)
SILENT = Outcome(69, "the share does not answer", late=True)
FAULT = Outcome(69, "Input/output error", mounts="soft")
STALE = Outcome(69, "Stale file handle")
REFUSED = Outcome(77, "refuses the job's user")
GOES_ON, WAITS = Guest(_GOES_ON), Guest("waits", mounts="hard")
FAILS = Guest("has I/O errors", mounts="soft")
LOST = Guest("has I/O errors", "has I/O errors")
QUIET = Watch()
DEAD = Watch("share,canary", "does not answer")
FAULTY = Watch("share", "Input/output error")  # through a soft mount, which may be the first to be looked at

CONDITIONS = (
    Condition("answers", lambda _: nullcontext(), (DONE,), (DONE,), (GOES_ON,), (QUIET,)),
    Condition("drops packets", troubles.cut_off, (SILENT, FAULT), (SILENT, FAULT), (WAITS, FAILS), (DEAD, FAULTY)),
    Condition(
        "refuses connections (nfsd is stopped)",
        troubles.stopped,
        (SILENT, FAULT),
        (SILENT, FAULT),
        # a client that is refused connects again more and more rarely
        (WAITS, Guest("waits", "waits", "hard"), FAILS),
        (DEAD, FAULTY),
    ),
    Condition(
        "has just been started (its grace period)",
        troubles.restarted,
        (Outcome(0, slow=True),),
        (Outcome(0, slow=True),),
        (GOES_ON, WAITS),
        (QUIET, DEAD),
    ),
    Condition(
        "does not export the directory any more",
        lambda node: troubles.exported(node, ""),
        (STALE, REFUSED),
        (STALE, REFUSED),
        (LOST,),
        (Watch("share,canary", "Stale file handle"), QUIET),
    ),
    Condition(
        "exports it read-only",
        lambda node: troubles.exported(node, "ro"),
        (DONE,),
        (Outcome(74, "Read-only file system"),),
        (GOES_ON,),
        (QUIET,),
    ),
    Condition(
        "exports another directory under the same name",
        troubles.replaced,
        (STALE,),
        (STALE,),
        (LOST,),
        (Watch("share,canary", "Stale file handle"),),
    ),
    Condition("has no space", troubles.full, (DONE,), (Outcome(74, "is full"),), (GOES_ON,), (QUIET,)),
    Condition("is slow (half a second a packet)", troubles.slow, (DONE,), (DONE,), (GOES_ON,), (QUIET,)),
    Condition(
        "is mounted with NFS 3, and rpc.statd has died",
        troubles.without_statd,
        # Linux waits for a minute or more, and then says that there are no locks
        (Outcome(0, slow=True), Outcome(69, "NFS 3 needs rpc.statd", late=True, slow=True)),
        (DONE,),
        (),
        (DEAD, QUIET),
        OWN,
        (),
    ),
    Condition(
        "is mounted with NFS 3 and nolock",
        lambda node: troubles.mounted(node, "vers=3,nolock"),
        (DONE,),
        (DONE,),
        (Guest(_GOES_ON, ""),),
        (QUIET,),
        OWN,
        (),
        tuple(OWN),
    ),
    Condition(
        "is not mounted, though fstab(5) says so",
        troubles.not_mounted,
        (Outcome(69, "is not mounted"),),
        (Outcome(69, "is not mounted"),),
        (),
        (Watch("share,canary", "is not mounted"),),
        OWN,
        (),
    ),
    Condition(
        "answers, and is mounted on demand (autofs)",
        troubles.on_demand,
        (DONE,),
        (DONE,),
        (Guest(_GOES_ON, ""),),
        (QUIET,),
        OWN,
        (),
        tuple(OWN),
    ),
    Condition(
        "drops packets, and would be mounted on demand",
        troubles.on_demand_and_cut_off,
        (SILENT,),
        (SILENT,),
        (),
        (DEAD,),
        OWN,
        (),
    ),
)


def table(measured: dict[str, Row], slack: int) -> str:
    """Return the table in Markdown. measured: the rows by condition; what is not measured has a star."""
    rows: list[tuple[str, ...]] = [
        ("The server …", "an image is staged", "a file is uploaded", "a guest that runs", "the node's watch says")
    ]
    rows.append(("---",) * len(rows[0]))
    for condition in CONDITIONS:
        row = measured.get(condition.text, {})
        cells = [_text(of, row.get(column, []), slack) for column, of in condition.expected().items()]
        rows.append((condition.text, *cells))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _text(outcomes: tuple[Outcome | Guest | Watch, ...], cells: list[Cell], slack: int) -> str:
    """Return what may come of it, each with the seconds that it took."""
    found = []
    for outcome in outcomes:
        fitting = [cell for cell in cells if outcome.fits(cell, slack)]
        times = sorted(cell.back if isinstance(outcome, Guest) else cell.seconds for cell in fitting)
        shown = f"{times[0]} to {times[-1]} s" if times and times[0] != times[-1] else f"{times[0]} s" if times else ""
        again = sorted(cell.back for cell in fitting if isinstance(outcome, Watch) and outcome.failed)
        shown += f"; in order again within {again[-1]} s" if again else ""
        found.append(f"{outcome} ({shown})" if shown else str(outcome))
    return " or ".join(found) + (" *" if found and not cells else "") or "—"


def in_page(text: str) -> str:
    """Return the table in a page: its first one."""
    found = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return found[0] if found else ""
