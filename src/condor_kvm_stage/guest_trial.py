"""What came of trial guests: the builder's program reports it to the generator, as JSON."""

from __future__ import annotations

import json

from .record import dataclass, field


@dataclass(frozen=True)
class Start:
    """The start of a trial guest."""

    network: str = ""  # its type, "" for a guest without one, or if the cause has to do with none
    fault: str = ""  # why it failed, or why that is not known; "" if the guest started
    step: str = ""  # what helps, "" if the fault says it, or if that is left to the reader
    is_known: bool = True  # False if it may as well have started, for example if libvirt did not answer in time


@dataclass(frozen=True)
class Label:
    """What SELinux says of an image."""

    image: str  # its path
    fault: str = ""  # what it denies to guests, or why that is not known; "" if it denies nothing
    step: str = ""  # the command that allows it, "" if it is not known whether it is denied


@dataclass(frozen=True)
class Report:
    """What the program found."""

    starts: list[Start] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    image: str = ""  # of which the guests had an overlay, "" for none
    files: Start | None = None  # of a guest that had its job's files, None if none was tried


def to_json(report: Report) -> str:
    """Return a report's text."""
    import dataclasses  # which looks into lists, too

    return json.dumps(dataclasses.asdict(report))


def from_json(text: str) -> Report | None:
    """Return the report that a program of the same version wrote, None if there is none: it did not come that far."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return Report(
        [Start(**start) for start in document["starts"]],
        [Label(**label) for label in document["labels"]],
        document["image"],
        Start(**document["files"]) if document.get("files") else None,
    )
