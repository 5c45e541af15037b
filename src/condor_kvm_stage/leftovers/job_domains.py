"""Which of the virtual machines that libvirt runs for root are jobs', and which of their starters live. Only looks.

A job's is known by what the domain builder has written into its metadata, whatever its name.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from .. import proc_stat
from ..host import FactsError, Host
from . import virsh
from .metadata import Domain, DomainError, Unclear

# What virsh and libvirt say if a domain has ended before, or since, it was found by its UUID
_ENDED = ("failed to get domain", "Domain not found")
_PATIENCE = 2  # seconds for one domain: libvirt keeps one waiting while it waits for that domain's share


@dataclass(frozen=True)
class Domains:
    """fault: why not all could be looked at, "" if they could. jobs, unclear: those that have the builder's element.

    began: when those processes began that have the ids of the jobs' starters; an id that no process has is missing.
    """

    fault: str = ""
    jobs: tuple[Domain, ...] = ()
    unclear: tuple[Unclear, ...] = ()
    began: Mapping[int, int] = field(default_factory=dict)


def look(host: Host, within: float) -> Domains:
    """Look at all domains that run, for at most so many seconds."""
    deadline = time.monotonic() + within
    listed = virsh.run(host, within, "list", "--uuid")
    if listed.status != 0:
        return Domains(listed.reason)
    faults: list[str] = []
    jobs: list[Domain] = []
    unclear: list[Unclear] = []
    began: dict[int, int] = {}
    for uuid in listed.output.split():
        left = deadline - time.monotonic()
        if left <= 0:
            faults.append(f"there are more than can be looked at in {within:.0f} s")
            break
        try:
            domain = read(host, uuid, min(left, _PATIENCE))
            if isinstance(domain, Domain):
                began.update(beginning(host, domain.job.starter))
                jobs.append(domain)
            elif domain:
                unclear.append(domain)
        except (DomainError, FactsError) as error:  # then nothing can be said of it
            faults.append(str(error))
    return Domains(faults[0] if faults else "", tuple(jobs), tuple(unclear), began)


def read(host: Host, uuid: str, timeout: float = _PATIENCE) -> Domain | Unclear | None:
    """Return a job's domain, None if there is none of that UUID any more, or it is not a job's. Raises DomainError."""
    answer = virsh.run(host, timeout, "dumpxml", uuid)
    if any(text in answer.errors for text in _ENDED):
        return None
    if answer.status != 0:
        raise DomainError(f"the domain {uuid}: {answer.reason}")
    from . import metadata  # on most hosts nothing runs when this does

    domain = metadata.parse(answer.output)
    return domain if domain and domain.uuid == uuid else None  # virsh takes a UUID that is not there for a name


def beginning(host: Host, pid: int) -> dict[int, int]:
    """Return, by the process id, when that process began, {} if there is none. Raises FactsError."""
    text = host.text(f"/proc/{pid}/stat")
    if text is None:
        return {}
    fields = proc_stat.fields(text.encode())
    if len(fields) <= proc_stat.START_TIME or not fields[proc_stat.START_TIME].isdigit():
        raise FactsError(f"/proc/{pid}/stat is not what proc_pid_stat(5) says: {text!r}")
    return {pid: int(fields[proc_stat.START_TIME])}
