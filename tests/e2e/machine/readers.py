"""VM jobs whose guests read from their image on NFS without end, and say on their consoles how each read went."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection
from dataclasses import dataclass

from e2e.machine import filer, own_jobs
from testnode import pool, recipe
from testnode.node import Node

_WINDOW = 15  # seconds in which a guest that goes on reads, on a busy machine, too
_HOME = f"home/{recipe.USER}"
# Its argument: the cluster. Prints what the guest has read, and what it could not read
_COUNT = """
directory=$(dirname "$(grep -l "^ClusterId = $1\\$" /var/lib/condor/execute/dir_*/scratch/.job.ad)")
grep -c '^read' "$directory/console.log"
grep -c FAILED "$directory/console.log"
"""


@dataclass(frozen=True)
class Count:
    """Reads since the guest's start."""

    done: int
    failed: int


@dataclass(frozen=True)
class Reader:
    """A job."""

    cluster: int
    place: str  # the mount point of its image

    def count(self, worker: Node) -> Count:
        """Return what its guest has read so far; nothing while there is no console."""
        lines = worker.run(["sh", "-c", _COUNT, "count", str(self.cluster)], check=False).stdout.split()
        return Count(*map(int, lines)) if len(lines) == 2 else Count(0, 0)

    def state(self, worker: Node) -> str:
        """Return what its guest does now: `goes on`, `waits`, `has I/O errors`, or the job is not `running`."""
        if pool.job_ad(worker, self.cluster).get("JobStatus") != pool.RUNNING:
            return "ends"
        before = self.count(worker)
        deadline = time.monotonic() + _WINDOW
        while time.monotonic() < deadline:
            now = self.count(worker)
            if now.failed > before.failed:
                return "has I/O errors"
            if now.done > before.done + 1:  # the first one may have been under way
                return "goes on"
            time.sleep(1)
        return "waits"


def start(worker: Node, place: str) -> Reader:
    """Submit a job with the image in a mount, and wait until its guest reads."""
    worker.run("sysctl vm.drop_caches=1")  # what an earlier guest has read; the new one begins where that one began
    name = f"reads-{time.monotonic_ns()}"
    reader = Reader(own_jobs.submit(worker, name, f"{place}/{filer.READS}"), place)

    def reads() -> bool:
        ad = pool.job_ad(worker, reader.cluster)
        assert ad.get("JobStatus") != pool.HELD, ad["HoldReason"]
        return reader.count(worker).done > 1

    worker.wait_until(reads, f"the guest of job {reader.cluster} reads from {place}", 240)
    return reader


def remove(worker: Node, reader: Reader) -> None:
    worker.run(["condor_rm", str(reader.cluster)], check=False)


class Readers:
    """Those that run, one for each mount that was asked for; one that does not read any more is replaced."""

    def __init__(self, worker: Node) -> None:
        self._worker = worker
        self._running: dict[str, Reader] = {}

    def at(self, place: str) -> Reader:
        """Return one that reads."""
        reader = self._running.get(place)
        if reader and reader.state(self._worker) != "goes on":
            self.forget(place)
        if place not in self._running:
            self._running[place] = start(self._worker, place)
        return self._running[place]

    def keep(self, places: Collection[str]) -> None:
        """End those of other mounts: each has a processor of the machine's, which has few."""
        for place in [place for place in self._running if place not in places]:
            self.forget(place)

    def forget(self, place: str) -> None:
        """End the one of a mount."""
        with contextlib.suppress(KeyError):
            remove(self._worker, self._running.pop(place))
