"""The metadata in a domain's XML that identifies a job's guest: written by the builder, read by the others."""

from __future__ import annotations

import re

from ..errors import KvmStageError
from ..record import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xml.etree import ElementTree

NAMESPACE = "urn:condor-kvm-stage:job"
_ELEMENT = f"{{{NAMESPACE}}}job"
_PID = re.compile("[1-9][0-9]{0,9}")
_TICKS = re.compile("[0-9]{1,19}")


class DomainError(KvmStageError):
    """The domain could not be inspected."""


@dataclass(frozen=True)
class JobRef:
    """A job, as the builder identifies it. `starter` and `started` together identify a process, ids are reused."""

    scratch: str  # absolute path of its scratch directory
    starter: int  # process id of its starter
    started: int  # when the starter started, in clock ticks since boot (proc_pid_stat(5))


@dataclass(frozen=True)
class Domain:
    """A running domain of a job."""

    uuid: str  # unlike the name, never reused
    name: str
    job: JobRef


@dataclass(frozen=True)
class Unclear:
    """A domain whose metadata is in the builder's namespace but not valid: nobody may act on it."""

    uuid: str
    name: str
    fault: str  # what is wrong with the metadata


def write(metadata: ElementTree.Element, job: JobRef) -> None:
    """Add the builder's element to an element `metadata`."""
    from xml.etree import ElementTree

    values = {"scratch": job.scratch, "starter": str(job.starter), "started": str(job.started)}
    ElementTree.SubElement(metadata, "job", {"xmlns": NAMESPACE, **values})


def parse(text: str) -> Domain | Unclear | None:
    """Return the job's domain in a definition, None if it has no metadata of ours. Raises DomainError."""
    from xml.etree import ElementTree  # usually no domain runs when a program looks for one

    try:
        return of_definition(ElementTree.fromstring(text))
    except ElementTree.ParseError as error:
        raise DomainError(f"virsh did not print valid XML: {error}") from error


def of_definition(root: ElementTree.Element) -> Domain | Unclear | None:
    """Return the job's domain in an element `domain`, None if it has no metadata of ours."""
    own = [entry for metadata in root.findall("metadata") for entry in metadata if _is_own(entry)]
    if not own:
        return None
    uuid, name = (root.findtext(tag, "").strip() for tag in ("uuid", "name"))
    if len(own) > 1 or own[0].tag != _ELEMENT:
        return Unclear(uuid, name, f"not one element job of {NAMESPACE}")
    scratch, starter, started = (own[0].get(key, "") for key in ("scratch", "starter", "started"))
    if not scratch.startswith("/"):
        return Unclear(uuid, name, f"scratch is not an absolute path: {scratch!r}")
    if not _PID.fullmatch(starter):
        return Unclear(uuid, name, f"starter is not a process id: {starter!r}")
    if not _TICKS.fullmatch(started):
        return Unclear(uuid, name, f"started is not a number of clock ticks: {started!r}")
    return Domain(uuid, name, JobRef(scratch, int(starter), int(started)))


def _is_own(element: ElementTree.Element) -> bool:
    return element.tag.startswith(f"{{{NAMESPACE}}}")
