"""What a check is, and what all of them are given."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ...policy.model import Policy
from ..probes.collect import HostFacts
from ..snippet.values import Values
from .trials import Trials


class Level(Enum):
    """fail: no VM job runs, or it harms the node. warn: to be looked at. note: good to know. n/a: not a matter here."""

    OK = "ok"
    NOTE = "note"
    WARN = "warn"
    FAIL = "fail"
    NOT_APPLICABLE = "n/a"


@dataclass(frozen=True)
class Check:
    """One verdict: what was checked, how it stands, what was found, and the next step.

    The next step is "" for what is ok or not applicable. group and name stay what they are: programs read them.
    """

    group: str
    name: str
    level: Level
    found: str
    next_step: str = ""


@dataclass(frozen=True)
class Findings:
    """Everything that is known of a host. policy: None if it is broken; policy_fault says how.

    snippet: the text in place, None if there is none. wanted: what it should be, from values.
    """

    facts: HostFacts
    trials: Trials
    policy: Policy | None
    policy_fault: str
    values: Values
    snippet: str | None
    wanted: str
