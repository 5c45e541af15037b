"""What happens to the workers of a pool, one after the other, and when."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from e2e.domain import scene
from e2e.health import worker as health
from e2e.pool import site
from e2e.pool.site import Site
from testnode import pool
from testnode.node import Node
from testnode.recipe import PACKAGE

_BUSY = 3  # guests that run on a worker when something happens that concerns these


@dataclass
class Trouble:
    """Something that happens to a worker. Unix times.

    told: since when no job may come there; None if that is not to be said.
    """

    worker: str
    what: str
    begin: float
    told: float | None = None
    end: float = 0.0

    def excludes(self, worker: str, at: float) -> bool:
        """Return whether no job may have come to a worker at a time."""
        return worker == self.worker and self.told is not None and self.told <= at <= self.end


@contextlib.contextmanager
def share_lost(worker: Node) -> Iterator[None]:
    """Unmount the share under the guests that run, until the context ends."""
    worker.run(["umount", "--lazy", site.SHARE])
    try:
        yield
    finally:
        worker.run(["mount", site.SHARE])


class Record:
    """The troubles so far."""

    def __init__(self, of: Site) -> None:
        self._site = of
        self.troubles: list[Trouble] = []

    @contextlib.contextmanager
    def fault(
        self, name: str, what: str, check: str, breaks: Callable[[Node], AbstractContextManager[None]]
    ) -> Iterator[None]:
        """Break a worker until the context ends; it begins when the pool knows, and ends when the worker is healthy."""
        worker, trouble = self._site.nodes[name], self._begin(name, what)
        with breaks(worker):
            worker.wait_until(lambda: check in (health.says(worker) or ""), f"the pool knows: {what}", 120)
            trouble.told = time.time()
            yield
            trouble.end = time.time()
        health.wait_for(worker, "")

    def reboot(self, name: str) -> float:
        """Reboot a worker where guests run; wait until it offers VM universe. Returns when its system has started."""
        worker = self._busy(name)
        trouble = self._begin(name, "reboot")
        worker.reboot()
        trouble.end = time.time()
        started = float(worker.run(["stat", "--format=%Z", "/proc/1"]).stdout)
        worker.wait_until(lambda: pool.slot_ad(worker).get("HasVM") is True, f"{name} offers VM universe", 150)
        return started

    def upgrade(self, name: str) -> None:
        """Upgrade the package on a worker while guests run."""
        worker = self._busy(name)
        trouble = self._begin(name, "dnf upgrade")
        worker.run(["dnf", "--assumeyes", "upgrade", PACKAGE], timeout=240)
        trouble.end = time.time()

    def drain(self, name: str) -> None:
        """Drain a worker where guests run from the central manager, as for maintenance, and let it work again."""
        worker, manager = self._busy(name), self._site.manager
        machine = worker.name
        trouble = self._begin(name, "drained")
        manager.run(["condor_drain", "-graceful", machine])
        trouble.told = time.time()
        self._wait_for_state(worker, "Drained")
        worker.wait_until(lambda: scene.guests(worker) == [], f"no guest runs on {name}", 180)
        trouble.end = time.time()
        manager.run(["condor_drain", "-cancel", machine])
        self._wait_for_state(worker, "Unclaimed")

    def _wait_for_state(self, worker: Node, state: str) -> None:
        worker.wait_until(lambda: pool.slot_ad(worker).get("State") == state, f"{worker.name} is {state}", 60)

    def _busy(self, name: str) -> Node:
        """Return a worker when enough guests run there."""
        worker = self._site.nodes[name]
        worker.wait_until(lambda: len(scene.guests(worker)) >= _BUSY, f"{name} is busy", 240)
        return worker

    def _begin(self, name: str, what: str) -> Trouble:
        trouble = Trouble(name, what, time.time())
        self.troubles.append(trouble)
        return trouble
