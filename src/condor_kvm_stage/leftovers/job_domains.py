"""Find the running domains of jobs, and when their starters started. Read-only.

A job's domain is identified by the metadata that the builder writes, not by its name.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from .. import proc_stat
from ..host import FactsError, Host
from ..record import dataclass, field
from . import metadata, virsh
from .metadata import Domain, DomainError, Unclear

# Messages of virsh and libvirt about a domain that has ended, before or after it was looked up by its UUID
_ENDED = ("failed to get domain", "Domain not found")
_TIMEOUT = 2  # seconds for one domain: libvirt does not answer while it waits for that domain's share


@dataclass(frozen=True)
class Domains:
    """The running domains that have the builder's metadata."""

    fault: str = ""  # why some domains could not be inspected, "" if all were
    jobs: tuple[Domain, ...] = ()
    unclear: tuple[Unclear, ...] = ()  # whose metadata is not valid
    # Start times of the processes that have the starters' ids, by process id; without ids that no process has
    start_times: Mapping[int, int] = field(default_factory=dict)


def look(host: Host, timeout: float) -> Domains:
    """Inspect all running domains, for at most timeout seconds."""
    deadline = time.monotonic() + timeout
    listed = virsh.run(host, timeout, "list", "--uuid")
    if listed.status != 0:
        return Domains(listed.reason)
    faults: list[str] = []
    jobs: list[Domain] = []
    unclear: list[Unclear] = []
    start_times: dict[int, int] = {}
    for uuid in listed.output.split():
        left = deadline - time.monotonic()
        if left <= 0:
            faults.append(f"there are more than can be inspected in {timeout:.0f} s")
            break
        try:
            domain = read(host, uuid, min(left, _TIMEOUT))
            if isinstance(domain, Domain):
                started = start_time(host, domain.job.starter)
                if started is not None:
                    start_times[domain.job.starter] = started
                jobs.append(domain)
            elif domain:
                unclear.append(domain)
        except (DomainError, FactsError) as error:  # so its state is not known
            faults.append(str(error))
    return Domains(faults[0] if faults else "", tuple(jobs), tuple(unclear), start_times)


def read(host: Host, uuid: str, timeout: float = _TIMEOUT) -> Domain | Unclear | None:
    """Return a job's domain, None if it has ended or is not a job's. Raises DomainError."""
    answer = virsh.run(host, timeout, "dumpxml", uuid)
    if any(text in answer.errors for text in _ENDED):
        return None
    if answer.status != 0:
        raise DomainError(f"the domain {uuid}: {answer.reason}")
    domain = metadata.parse(answer.output)
    return domain if domain and domain.uuid == uuid else None  # virsh treats an unknown UUID as a name


def start_time(host: Host, pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None if it does not exist. Raises FactsError."""
    text = host.text(f"/proc/{pid}/stat")
    if text is None:
        return None
    fields = proc_stat.fields(text.encode())
    if len(fields) <= proc_stat.START_TIME or not fields[proc_stat.START_TIME].isdigit():
        raise FactsError(f"/proc/{pid}/stat is not as in proc_pid_stat(5): {text!r}")
    return int(fields[proc_stat.START_TIME])
