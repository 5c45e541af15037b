"""Which domains are orphans: a job's, and the job's starter is gone. Pure: facts in, verdict out.

Nobody waits for such a domain any more, but it keeps its memory, and its name from a job that starts again: HTCondor
takes that domain's failure to start for the node's, and gives up VM universe. HTCondor's startd destroys orphans by its
recovery files (check_recovery_file() in its sources): when a starter is killed, but HTCondor 23 does not find the file
then; and when it starts, if it has VM universe.
"""

from __future__ import annotations

from collections.abc import Mapping

from .job_domains import Domains
from .metadata import Domain, JobRef


def is_orphan(job: JobRef, began: Mapping[int, int]) -> bool:
    """Return whether no process has the id and the beginning of the job's starter. began: as in Domains."""
    return began.get(job.starter) != job.started


def among(domains: Domains) -> list[Domain]:
    """Return the orphans."""
    return [domain for domain in domains.jobs if is_orphan(domain.job, domains.began)]
