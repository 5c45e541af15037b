"""The types of --check: its input and its verdicts."""

from __future__ import annotations

from enum import Enum

from ...installed import POLICY
from ...policy.model import Policy
from ...record import dataclass
from ..probes.collect import HostFacts
from ..snippet.values import Values
from .trials import Trials

# What to do if something did not answer in time. It says nothing about what was asked
WHEN_LESS_BUSY = f"run this again when the node is less busy, or raise htcondor.patience in {POLICY}"


class Level(Enum):
    """How serious a verdict is."""

    OK = "ok"
    NOTE = "note"  # good to know
    WARN = "warn"  # needs attention
    FAIL = "fail"  # no VM job runs, or one can harm the node
    NOT_APPLICABLE = "n/a"


@dataclass(frozen=True)
class Check:
    """One verdict."""

    group: str  # group and name are an interface: programs read them
    name: str
    level: Level
    found: str
    next_step: str = ""  # what to do, "" for OK and NOT_APPLICABLE
    unused: bool = False  # whether it is about something that VM universe does not use


@dataclass(frozen=True)
class Findings:
    """Everything that the checks know about a host."""

    facts: HostFacts
    trials: Trials
    policy: Policy | None  # None if it is invalid
    policy_fault: str  # why the policy cannot be used, "" if it can
    values: Values
    snippet: str | None  # the text in place, None if there is none
    wanted: str  # the text that should be in place, rendered from values
    copies: tuple[str, ...] = ()  # other files that HTCondor reads and that this program has written, or once had


def is_build(findings: Findings) -> bool:
    """Whether this is an image build: neither a running system nor a container."""
    return not findings.facts.environment.booted and not findings.facts.environment.container
