"""The process that keeps a guest's console: started by the builder, which here is the process of the tests."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from condor_kvm_stage.domain import console, private_dir
from condor_kvm_stage.job import CONSOLE, Job
from support.processes import wait_for


@dataclass
class Keeper:
    """fifo: path of the one into which the guest prints. log: of console.log."""

    pid: int
    fifo: Path
    log: Path

    def has_ended(self) -> bool:
        try:
            return os.waitpid(self.pid, os.WNOHANG)[0] != 0
        except ChildProcessError:
            return True

    def end(self) -> None:
        wait_for(self.has_ended, "the process that keeps the console has ended")

    def print(self, *chunks: bytes) -> None:
        """Print as a guest, from the first byte to its end."""
        with open(self.fifo, "wb", buffering=0) as fifo:
            for chunk in chunks:
                while chunk:
                    chunk = chunk[fifo.write(chunk) :]


def start(where: Job, largest: int = 1 << 20, config: str = "/nonexistent") -> Keeper:
    """Let the builder begin to keep the console."""
    before = children()
    path = console.start(private_dir.make(where), where, largest, config)
    (pid,) = children() - before
    return Keeper(pid, Path(f"{path}.out"), Path(where.scratch) / CONSOLE)


def children(parent: int | None = None) -> set[int]:
    """The processes that a process, if none is said this one, has started, also those that nobody has waited for."""
    pids = map(int, filter(str.isdecimal, os.listdir("/proc")))
    return {pid for pid in pids if _fields(pid)[1:2] == [str(parent or os.getpid())]}


def runs_in_a_session_of_its_own(pid: int) -> bool:
    fields = _fields(pid)
    return fields[:1] not in ([], ["Z"]) and fields[3] == str(pid)


def _fields(pid: int) -> list[str]:
    """What proc_pid_stat(5) says of a process from its state on: then come parent, group, session."""
    with contextlib.suppress(OSError):  # it has ended just now
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(") ")[2].split()
    return []
