"""Decide which domains are orphans: those of jobs whose starter has ended. No I/O.

Nothing manages an orphan any more, but it still uses memory, and its name: if the job restarts on the node, its new
domain fails to start, and HTCondor disables VM universe on the node. HTCondor's startd destroys orphans by its recovery
files (check_recovery_file() in its sources): when a starter is killed (HTCondor 23 does not find the file then), and
when the startd starts, if it has VM universe.
"""

from __future__ import annotations

from .job_domains import Domains
from .metadata import Domain, JobRef


def is_orphan(job: JobRef, start_time: int | None) -> bool:
    """Return whether the job's starter has ended. start_time: of the process that has its id, None if there is none."""
    return start_time != job.started


def among(domains: Domains) -> list[Domain]:
    """Return the orphans."""
    return [domain for domain in domains.jobs if is_orphan(domain.job, domains.start_times.get(domain.job.starter))]
