"""The file system of HTCondor's EXECUTE, where jobs' scratch directories are: its kind, and its free space."""

from __future__ import annotations

from ...host import Host
from ...record import dataclass
from ..outcome import PASSED, Outcome, not_tried, of_answer

FULL = 64  # MiB; with less not even the files of a job without disks fit


@dataclass(frozen=True)
class Execute:
    """EXECUTE's file system."""

    query: Outcome  # whether it could be looked at; if not, the fields below mean nothing
    kind: str = ""  # such as "xfs"
    free: int = 0  # MiB, for users other than root
    size: int = 0  # MiB


def probe(host: Host, path: str) -> Execute:
    """Run df(1), which a share that does not answer cannot stop. path: EXECUTE, "" if unknown."""
    if not path:
        return Execute(not_tried("EXECUTE is unknown"))
    answer = host.run("df", "--block-size=1M", "--output=fstype,avail,size", path)
    fields = answer.output.split("\n")[1].split() if answer.status == 0 and "\n" in answer.output.strip() else []
    if len(fields) != 3 or not fields[1].isdecimal() or not fields[2].isdecimal():
        return Execute(of_answer(answer, answer.reason.removeprefix("df: ")))
    return Execute(PASSED, fields[0], int(fields[1]), int(fields[2]))
