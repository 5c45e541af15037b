"""The phases of a guest's start: when the starter, the vm-gahp's script and QEMU began, and when the guest ran."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from testnode import recipe
from testnode.node import Node

from .scene import here

SETTINGS = "VM_GAHP_DEBUG = $(VM_GAHP_DEBUG) D_SUB_SECOND\n"
# In HTCondor's VMGahpLog and in events(): when, and which domain
CALLED = re.compile(r"^(\S+ \S+) (?:\(pid:\d+\) )?CreateKvmVMConfigFile$", re.MULTILINE)
_RESUMED = re.compile(r"^(\S+ \S+)[+]0000: event 'lifecycle' for domain '(\S+)': Resumed ", re.MULTILINE)
_START_TIME = 19  # index in /proc/PID/stat after the program's name (proc_pid_stat(5))
_TICKS = os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def events(worker: Node) -> Iterator[Path]:
    """Have libvirt's events in a file."""
    path = here(worker, "/srv/start-events")
    command = worker.command(["stdbuf", "-oL", "virsh", "event", "--event", "lifecycle", "--loop", "--timestamp"])
    with path.open("w", encoding="utf-8") as file, subprocess.Popen(command, stdout=file) as process:
        time.sleep(1)
        try:
            yield path
        finally:
            process.terminate()


class Beginning:
    """What the logs hold before a job."""

    def __init__(self, worker: Node) -> None:
        self._worker = worker
        self._log = here(worker, "/var/log/condor/VMGahpLog")
        self._length = len(self._said()) if self._log.exists() else 0

    def phases(self, submitted: float, cluster: int, execute: Path, resumed: Path, spoken: float) -> dict[str, float]:
        """Return the seconds of each phase of the only job that runs. submitted, spoken: Unix times."""
        name = f"{recipe.USER}_{recipe.HOSTNAME}_{cluster}.0"
        (scratch,) = execute.glob("dir_*/scratch")
        qemu = here(self._worker, f"/run/libvirt/qemu/{name}.pid").read_text(encoding="ascii")
        times = {
            "until the starter begins": submitted,
            "staging, hook, the vm-gahp, until it calls its script": started(self._worker, starter_of(scratch)),
            "the script, and libvirt, until QEMU begins": unix(CALLED.findall(self._said()[self._length :])[-1]),
            "QEMU, until the guest's processor runs": started(self._worker, qemu),
            "the guest's firmware, until the first byte": resumed_at(resumed, name),
        }
        ends = [*list(times.values())[1:], spoken]
        return {phase: end - begin for (phase, begin), end in zip(times.items(), ends)}

    def _said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")


def started(worker: Node, pid: str) -> float:
    """Return when a process of the node began, by Unix time; to 10 ms."""
    stat = here(worker, f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    since_boot = int(stat.rpartition(") ")[2].split()[_START_TIME]) / _TICKS
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot


def together(
    worker: Node, submitted: float, execute: Path, resumed: Path, names: list[str], spoken: float
) -> dict[str, float]:
    """Return the seconds of the phases of several jobs: each ends when the last one has got so far, the first excepted.

    names: of their domains. submitted, spoken: Unix times.
    """
    began = min(started(worker, starter_of(scratch)) for scratch in execute.glob("dir_*/scratch"))
    runs = max(resumed_at(resumed, name) for name in names)
    return {
        "until the first starter begins": began - submitted,
        "until the last guest's processor runs": runs - began,
        "the last guest's firmware, until its first byte": spoken - runs,
    }


def starter_of(scratch: Path) -> str:
    """Return the process id of a job's starter, from the path of its scratch directory."""
    return scratch.parent.name.partition("_")[2]


def resumed_at(events: Path, name: str) -> float:
    """Return when a domain ran, by Unix time, 0 if it has not yet. events: of events()."""
    found = [when for when, who in _RESUMED.findall(events.read_text(encoding="utf-8")) if who == name]
    return unix(found[0]) if found else 0


def unix(text: str) -> float:
    """Return the Unix time of a line of HTCondor's logs, or of virsh's; the node's time zone is UTC."""
    form = "%Y-%m-%d %H:%M:%S.%f" if "-" in text else "%m/%d/%y %H:%M:%S.%f"
    return datetime.datetime.strptime(text, form).replace(tzinfo=datetime.timezone.utc).timestamp()
