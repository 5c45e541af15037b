"""What --check has seen of a host, changed in one point or several, and the verdict on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from condor_kvm_stage.genconfig import checks
from condor_kvm_stage.genconfig.checks import Check, Findings
from condor_kvm_stage.genconfig.checks.trials import DirectoryTrial
from condor_kvm_stage.genconfig.probes.htcondor import Setting
from condor_kvm_stage.guest_facts import GuestFacts

Change = Callable[[Findings], Findings]


def verdict(seen: Findings, subject: str) -> Check:
    (found,) = [check for check in checks.evaluate(seen) if f"{check.group} {check.name}" == subject]
    return found


def of(part: str, **changes: Any) -> Change:
    """A change of a part of the facts."""
    return lambda seen: replace(
        seen, facts=replace(seen.facts, **{part: replace(getattr(seen.facts, part), **changes)})
    )


def tried(**changes: Any) -> Change:
    return lambda seen: replace(seen, trials=replace(seen.trials, **changes))


def asked(facts: GuestFacts | None = None, **changes: Any) -> Change:
    """Another answer of libvirt's and QEMU's; facts: what becomes of it, if that is another, too."""

    def change(seen: Findings) -> Findings:
        found = replace(seen.trials.guests, facts=facts or seen.trials.guests.facts, **changes)
        return tried(guests=found)(seen)

    return change


def runs(**changes: Any) -> Change:
    return lambda seen: replace(seen, trials=replace(seen.trials, running=replace(seen.trials.running, **changes)))


def decided(**changes: Any) -> Change:
    return lambda seen: replace(seen, values=replace(seen.values, **changes))


def knows(**changes: Any) -> Change:
    return lambda seen: replace(seen, **changes)


def sets(name: str, value: str, origin: str = "/etc/condor/config.d/60-local.conf, line 1") -> Change:
    def change(seen: Findings) -> Findings:
        settings = {**seen.facts.htcondor.settings, name: Setting(value, origin)}
        return of("htcondor", settings=settings)(seen)

    return change


def all_of(*changes: Change) -> Change:
    def change(seen: Findings) -> Findings:
        for one in changes:
            seen = one(seen)
        return seen

    return change


def directory(fault: str = "", image: str = "/srv/images/x.img", source: str = "nfs4 filer:/export") -> Change:
    return tried(directories=(DirectoryTrial("/srv/images", image, fault, source),))


CONTAINER = of("environment", container="docker")
NOT_BOOTED = of("environment", booted=False)
