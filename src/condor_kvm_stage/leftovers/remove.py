"""Clean up after jobs that ended abnormally: destroy orphans, remove private directories. Idempotent."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ..host import FactsError, Host
from ..messages import NOTICE, Message
from . import job_domains, orphans, private_dirs, virsh
from .metadata import Domain, DomainError

LOOKING = 20  # seconds to inspect all domains; libvirt's daemon may have to start
DESTROYING = 60  # seconds to destroy all orphans
_EACH = 20  # seconds for one; libvirt kills a QEMU that does not end by itself after 10 s


def carry_out(host: Host, libvirt_answers: bool, execute: str) -> Iterator[Message]:
    """Remove what jobs have left, if this is root. Yields messages as it proceeds.

    execute: HTCondor's setting EXECUTE, "" if it is not known.
    """
    if not host.is_root():
        return
    if libvirt_answers:
        yield from destroy_orphans(host)
    if execute.startswith("/"):
        for path in private_dirs.sweep(str(host.path(execute))):
            yield Message(f"Removed {path}, left by a job that has ended")


def destroy_orphans(host: Host) -> Iterator[Message]:
    """Destroy the domains of jobs whose starter has ended, no others. Yields messages."""
    found = job_domains.look(host, LOOKING)
    if found.fault:
        yield Message(f"Not all virtual machines that jobs have left could be found: {found.fault}", NOTICE)
    deadline = time.monotonic() + DESTROYING
    left = orphans.among(found)
    while left and time.monotonic() < deadline:
        yield from _destroy(host, left.pop(0), min(_EACH, deadline - time.monotonic()))
    if left:
        names = ", ".join(domain.name for domain in left)
        yield Message(f"No time to destroy more virtual machines whose job is gone: {names}; run this again", NOTICE)


def _destroy(host: Host, domain: Domain, timeout: float) -> Iterator[Message]:
    """Destroy an orphan, if it still is one. By its UUID, because a new domain can have the same name."""
    what = f"the virtual machine {domain.name} ({domain.uuid})"
    try:
        if not _is_orphan(host, domain.uuid):
            return
        done = virsh.run(host, timeout, "destroy", domain.uuid)
        if done.status == 0:
            yield Message(f"Destroyed {what}: the starter of its job, process {domain.job.starter}, is gone", NOTICE)
        elif _is_orphan(host, domain.uuid):  # else it has ended in the meantime
            raise DomainError(done.reason)
    except (DomainError, FactsError) as error:
        step = f"try virsh --connect {virsh.URI} destroy {domain.uuid}"
        yield Message(f"Cannot destroy {what}, whose job is gone: {error}; {step}", NOTICE)


def _is_orphan(host: Host, uuid: str) -> bool:
    domain = job_domains.read(host, uuid)
    return isinstance(domain, Domain) and orphans.is_orphan(
        domain.job, job_domains.start_time(host, domain.job.starter)
    )
