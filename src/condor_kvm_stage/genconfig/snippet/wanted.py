"""The snippet that a host should have: load its policy, collect facts, decide, render."""

from __future__ import annotations

from ...host import Host
from ...installed import POLICY
from ...policy.load import load
from ...policy.model import Policy
from ...record import dataclass
from ..probes import collect
from ..probes.collect import HostFacts
from . import render, values
from .values import Values


@dataclass(frozen=True)
class Wanted:
    """The facts about a host, and what follows from them and the policy."""

    facts: HostFacts
    values: Values
    text: str  # of the snippet


def policy_of(host: Host) -> Policy:
    """Load a host's policy. Raises PolicyError."""
    return load(str(host.path(POLICY)))


def for_host(host: Host, policy: Policy) -> Wanted:
    """Probe a host, and decide and render what it should have. Raises FactsError."""
    facts = collect.collect(host, while_waiting=render.prepare)
    decided = values.decide(facts, policy)
    return Wanted(facts, decided, render.render(decided))
