"""When and where jobs have run: by the access point's event log, and, as its workers know it, by libvirt's logs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone

from testnode import recipe
from testnode.node import Node

# Of HTCondor's event log: "001 (012.003.000) 2026-11-27 14:51:22 Job executing on host: …", lines with more, "..."
_EVENT = re.compile(r"^(\d{3}) \(\d+\.(\d+)\.\d+\) (\S+ \S+) (.*?)^\.\.\.$", re.MULTILINE | re.DOTALL)
_SLOT = re.compile(r"SlotName: \S+@([a-z0-9-]+)\.")
_HOLDER = re.compile(r"(?:at execution point|Error from) \S+@([a-z0-9-]+)\.")
_TIME = "%Y-%m-%d %H:%M:%S"
_EXECUTING = "001"
_STAGES, _ARRIVES = "040", "Started transferring input files"
# What ends a run, for the picture; after a disconnection the job may go on
_ENDS = {"004": "evicted", "005": "ended", "007": "failed", "009": "removed", "012": "held", "024": "lost"}
_WELL = "Normal termination (return value 0)"
# Of libvirt's log of a guest: "2026-11-27 14:51:24.123+0000: starting up libvirt version: …"
_GUEST = re.compile(r"^(\S+ \S+): (starting up|shutting down)", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """A job's stay on a worker. Times are Unix times; `end` is None as long as there is none."""

    job: int
    worker: str
    begin: float
    end: float | None
    how: str  # what ended it


def of_log(text: str) -> list[Run]:
    """Return the runs of an event log with one cluster, in the order of their begin.

    That a job has gone on hold is a run without length, as where it was staged only.
    """
    runs: list[Run] = []
    current: dict[int, Run] = {}
    for kind, proc, time, words in _EVENT.findall(text):
        job, at = int(proc), _unix(time, _TIME)
        if kind == _EXECUTING:
            slot = _SLOT.search(words)
            assert slot, words
            current[job] = Run(job, slot[1], at, None, "runs")
        elif kind in _ENDS and job in current:
            run = current.pop(job)
            how = _ENDS[kind] if kind != "005" or _WELL in words else "failed"
            runs.append(Run(job, run.worker, run.begin, at, how))
        elif _ENDS.get(kind) == "held":
            worker = _HOLDER.search(words)
            assert worker, words
            runs.append(Run(job, worker[1], at, at, "held"))
    return sorted([*runs, *current.values()], key=lambda run: run.begin)


def arrival(log: str, run: Run) -> float:
    """Return when the job of a guest came to its worker: its files were staged, and then the guest started."""
    events = [event for event in _EVENT.findall(log) if event[0] == _STAGES and event[3].startswith(_ARRIVES)]
    times = [_unix(time, _TIME) for _, proc, time, _ in events if int(proc) == run.job]
    return max(time for time in times if time <= run.begin)


def of_guests(worker: Node, cluster: int, stops: Iterable[float] = ()) -> list[Run]:
    """Return when guests of a cluster have run on a worker. stops: when it has rebooted, with all that ran on it."""
    found = []
    name = worker.name.partition(".")[0]
    for log in (worker.root / "var/log/libvirt/qemu").glob(f"{recipe.USER}_*_{cluster}.*.log"):
        begin = None
        job = int(log.name.split(".")[-2])
        text = log.read_text(encoding="utf-8", errors="replace")
        for time, what in _GUEST.findall(text):
            at = _unix(time, "%Y-%m-%d %H:%M:%S.%f%z")
            if begin is not None:
                end = at if what == "shutting down" else min(stop for stop in stops if stop > begin)
                found.append(Run(job, name, begin, end, what))
            begin = at if what == "starting up" else None
        if begin is not None:
            found.append(Run(job, name, begin, min((stop for stop in stops if stop > begin), default=None), "runs"))
    return sorted(found, key=lambda run: run.begin)


def overlaps(runs: Iterable[Run]) -> list[tuple[Run, Run]]:
    """Return which runs of one job have overlapped, in pairs."""
    found = []
    last: dict[int, Run] = {}
    for run in sorted(runs, key=lambda run: run.begin):
        before = last.get(run.job)
        if before and (before.end is None or run.begin < before.end):
            found.append((before, run))
        last[run.job] = run
    return found


def _unix(text: str, form: str) -> float:
    time = datetime.strptime(text, form)
    return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp()
