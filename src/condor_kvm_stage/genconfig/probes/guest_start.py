"""Whether guests start: the domain builder's program tries what a job would get."""

from __future__ import annotations

from ... import guest_trial
from ...guest_trial import Report, Start
from ...host import Host
from ...installed import BUILD_DOMAIN, GUEST_FACTS, TRY_NODE
from ...record import dataclass, field
from ..outcome import PASSED, Outcome, of_answer, unknown
from .collect import HostFacts


@dataclass(frozen=True)
class GuestTrial:
    """The trial of guests."""

    query: Outcome  # whether the program reported; if not, the report means nothing
    report: Report = field(default_factory=Report)

    @property
    def failed(self) -> list[Start]:
        """The starts that are known to have failed."""
        return [start for start in self.report.starts if start.fault and start.is_known]


def why_not(host: Host, facts: HostFacts, has_builder: bool) -> str:
    """Return why guests cannot be tried, "" if they can."""
    reasons = {
        "only root can": not host.is_root(),
        "the policy does not use the domain builder": not has_builder,
        facts.kvm.reason: not facts.kvm.usable,
        facts.guest_user.fault: bool(facts.guest_user.fault),
        "libvirt does not answer": not facts.libvirt.listens.passed,
        "EXECUTE is unknown": not facts.htcondor.value("EXECUTE"),
        f"there is no {GUEST_FACTS}": not host.exists(GUEST_FACTS),
    }
    return next((reason for reason, is_so in reasons.items() if is_so), "")


def carry_out(host: Host, facts: HostFacts, images: list[str]) -> GuestTrial:
    """Try guests. images: that can be staged."""
    answer = host.run(BUILD_DOMAIN, TRY_NODE, facts.htcondor.value("EXECUTE"), *images)
    report = guest_trial.from_json(answer.output) if answer.status == 0 else None
    if report:
        return GuestTrial(PASSED, report)
    return GuestTrial(unknown("it was interrupted") if answer.status == 0 else of_answer(answer))


def described(start: Start) -> str:
    """Return what failed, as a part of a sentence."""
    return f"with the network {start.network}: {start.fault}" if start.network else start.fault
