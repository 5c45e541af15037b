"""One row of the table in docs/nfs.md: all columns are tried in one outage, at the same time."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

from e2e.health import worker as health
from e2e.machine import filer
from e2e.machine.readers import Readers
from testnode import site
from testnode.node import Node

_LOOKS = 4  # of the node at itself, after which what it does not say it never says
_RECOVERS = 60  # seconds for a guest and the node after the outage, times what a machine is slower
_FAULTS = ("share", "canary")  # of NFS


@dataclass(frozen=True)
class Cell:
    """What came of one attempt."""

    mount: str  # "" for the node's watch, which looks at all
    seconds: int  # after which
    says: str  # the message; what the guest did; the reason that the node's watch gave
    status: int = 0  # the plug-in's exit status
    failed: str = ""  # which checks of the node's watch failed, separated by commas
    after: str = ""  # what the guest does after the outage, and which checks fail then
    back: int = 0  # seconds after which


Row = dict[str, list[Cell]]  # by column
STAGE, UPLOAD, GUEST, HEALTH = COLUMNS = ("stage", "upload", "guest", "health")


def measure(
    worker: Node,
    make: Callable[[Node], AbstractContextManager[None]],
    places: dict[str, str],
    readers: Readers,
    before: list[str],
    during: list[str],
) -> Row:
    """Try all columns in an outage that make() makes, and recover.

    places: of mounts, by name, where the plug-in is tried. before: those whose guests run before it begins, during:
    those whose guests start while it lasts.
    """
    readers.keep([places[name] for name in (*before, *during)])
    guests = {name: readers.at(places[name]) for name in before}
    with ThreadPoolExecutor(2 * len(places) + 1) as threads:
        with site.policy(worker, filer.policy(places.values())), make(worker):
            begin = time.monotonic()
            tried = {
                column: {name: threads.submit(action, worker, place) for name, place in places.items()}
                for column, action in ((STAGE, filer.stage), (UPLOAD, filer.upload))
            }
            watched = threads.submit(_watch, worker, begin)
            row: Row = {
                column: [_cell(name, future.result()) for name, future in of.items()] for column, of in tried.items()
            }
            guests |= {name: readers.at(places[name]) for name in during}
            states = {name: reader.state(worker) for name, reader in guests.items()}
            failed, reason, seconds = watched.result()
        ended = time.monotonic()
    row[GUEST] = []
    for name, reader in guests.items():
        after, back = "", 0
        if name in before:
            after, back = _until(partial(reader.state, worker), "goes on", ended)
        row[GUEST].append(Cell(name, 0, states[name], after=after, back=back))
        if after != "goes on":
            readers.forget(places[name])
    after, back = _until(lambda: _look(worker)[0], "", ended)
    row[HEALTH] = [Cell("", seconds, reason, failed=failed, after=after, back=back)]
    return row


def _cell(name: str, tried: filer.Tried) -> Cell:
    return Cell(name, tried.seconds, tried.message, tried.status)


def _watch(worker: Node, begin: float) -> tuple[str, str, int]:
    """Let the node look at itself until it finds a fault. Returns what has failed, the reason, and after what time."""
    for _ in range(_LOOKS):
        failed, reason = _look(worker)
        if failed:
            break
    return failed, reason, round(time.monotonic() - begin)


def _look(worker: Node) -> tuple[str, str]:
    """Let the node look at itself once. Returns which checks of NFS failed, and the reason."""
    said = health.look(worker)
    failed = ",".join(name for name in said["Failed"].strip('"').split(",") if name in _FAULTS)
    return failed, said["Reason"].strip('"') if failed else ""


def _until(ask: Callable[[], str], wanted: str, since: float) -> tuple[str, int]:
    """Ask until the answer is as wanted, or it takes too long. Returns the last answer, and the seconds."""
    while True:
        answer = ask()
        passed = time.monotonic() - since
        if answer == wanted or passed > _RECOVERS * 5:
            return answer, round(passed)
