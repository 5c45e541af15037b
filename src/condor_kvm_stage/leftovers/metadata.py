"""The metadata in a domain's XML by which a job's guest is known: the builder writes it, others read it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree

from ..errors import KvmStageError

NAMESPACE = "urn:condor-kvm-stage:job"
_ELEMENT = f"{{{NAMESPACE}}}job"
_PID = re.compile("[1-9][0-9]{0,9}")
_TICKS = re.compile("[0-9]{1,19}")


class DomainError(KvmStageError):
    """What a domain is could not be had."""


@dataclass(frozen=True)
class JobRef:
    """What the builder says of the job: its scratch directory; its starter's process id, and when that process began.

    started: clock ticks since the boot (proc_pid_stat(5)). The two together name a process for good.
    """

    scratch: str
    starter: int
    started: int


@dataclass(frozen=True)
class Domain:
    """A job's domain, which runs. uuid: unlike the name, no later domain has it."""

    uuid: str
    name: str
    job: JobRef


@dataclass(frozen=True)
class Unclear:
    """A domain that has an element of the builder's which is not as the builder writes it. fault: in what."""

    uuid: str
    name: str
    fault: str


def write(metadata: ElementTree.Element, job: JobRef) -> None:
    """Add the builder's element to an element `metadata`."""
    values = {"scratch": job.scratch, "starter": str(job.starter), "started": str(job.started)}
    ElementTree.SubElement(metadata, "job", {"xmlns": NAMESPACE, **values})


def parse(text: str) -> Domain | Unclear | None:
    """Return what a definition says, None if it has nothing of the builder's. Raises DomainError for what is none.

    What is not as the builder writes it is unclear: nobody may act on it.
    """
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise DomainError(f"what virsh prints is no XML: {error}") from error
    own = [entry for metadata in root.findall("metadata") for entry in metadata if _is_own(entry)]
    if not own:
        return None
    uuid, name = (root.findtext(tag, "").strip() for tag in ("uuid", "name"))
    if len(own) > 1 or own[0].tag != _ELEMENT:
        return Unclear(uuid, name, f"not one element job of {NAMESPACE}")
    scratch, starter, started = (own[0].get(key, "") for key in ("scratch", "starter", "started"))
    if not scratch.startswith("/"):
        return Unclear(uuid, name, f"scratch is no absolute path: {scratch!r}")
    if not _PID.fullmatch(starter):
        return Unclear(uuid, name, f"starter is no process id: {starter!r}")
    if not _TICKS.fullmatch(started):
        return Unclear(uuid, name, f"started is no number of clock ticks: {started!r}")
    return Domain(uuid, name, JobRef(scratch, int(starter), int(started)))


def _is_own(element: ElementTree.Element) -> bool:
    return element.tag.startswith(f"{{{NAMESPACE}}}")
