"""What a host calls for: its policy and its facts, the values that they lead to, the snippet's text."""

from __future__ import annotations

from dataclasses import dataclass

from ...host import Host
from ...installed import POLICY
from ...policy.load import load
from ...policy.model import Policy
from ..probes import collect
from ..probes.collect import HostFacts
from . import render, values
from .values import Values


@dataclass(frozen=True)
class Wanted:
    """What was found and decided, and the snippet that should be in place."""

    facts: HostFacts
    values: Values
    text: str


def policy_of(host: Host) -> Policy:
    """Read a host's policy. Raises PolicyError."""
    return load(str(host.path(POLICY)))


def look(host: Host, policy: Policy) -> Wanted:
    """Probe a host, and decide and render what it calls for. Raises FactsError."""
    facts = collect.collect(host, meanwhile=render.prepare)
    decided = values.decide(facts, policy)
    return Wanted(facts, decided, render.render(decided))
