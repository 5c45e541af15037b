"""Findings of --check about a host, with one or several changes, and the verdicts on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from condor_kvm_stage.genconfig import checks
from condor_kvm_stage.genconfig.checks import Check, Findings
from condor_kvm_stage.genconfig.checks.image_trials import DirectoryTrial
from condor_kvm_stage.genconfig.outcome import PASSED, failed, not_tried
from condor_kvm_stage.genconfig.probes.execute import Execute
from condor_kvm_stage.genconfig.probes.htcondor import Setting
from condor_kvm_stage.guest_facts import GuestFacts

Change = Callable[[Findings], Findings]


def verdict(findings: Findings, subject: str) -> Check:
    """Return the verdict on a subject: group and name of a check."""
    (found,) = [check for check in checks.evaluate(findings) if f"{check.group} {check.name}" == subject]
    return found


def of(part: str, **changes: Any) -> Change:
    """A change of a part of the facts."""

    def change(findings: Findings) -> Findings:
        changed = replace(getattr(findings.facts, part), **changes)
        return replace(findings, facts=replace(findings.facts, **{part: changed}))

    return change


def tried(**changes: Any) -> Change:
    return lambda findings: replace(findings, trials=replace(findings.trials, **changes))


def asked(facts: GuestFacts | None = None, **changes: Any) -> Change:
    """A change of libvirt's and QEMU's answers. facts: those that follow, None for the same."""

    def change(findings: Findings) -> Findings:
        support = findings.trials.support
        return tried(support=replace(support, facts=facts or support.facts, **changes))(findings)

    return change


def advertises(**changes: Any) -> Change:
    """A change of what the running startd advertises."""
    return lambda findings: tried(advertised=replace(findings.trials.advertised, **changes))(findings)


def decided(**changes: Any) -> Change:
    return lambda findings: replace(findings, values=replace(findings.values, **changes))


def knows(**changes: Any) -> Change:
    return lambda findings: replace(findings, **changes)


def sets(name: str, value: str, origin: str = "/etc/condor/config.d/60-local.conf, line 1") -> Change:
    def change(findings: Findings) -> Findings:
        settings = {**findings.facts.htcondor.settings, name: Setting(value, origin)}
        return of("htcondor", settings=settings)(findings)

    return change


def all_of(*changes: Change) -> Change:
    def change(findings: Findings) -> Findings:
        for one in changes:
            findings = one(findings)
        return findings

    return change


def directory(
    fault: str = "", image: str = "/srv/images/x.img", source: str = "nfs4 filer:/export", **more: Any
) -> Change:
    outcome = failed(fault) if fault else PASSED if image else not_tried("has no image to try")
    return tried(directories=(DirectoryTrial("/srv/images", image, outcome, source, **more),))


def execute(**changes: Any) -> Change:
    """A change of the file system of EXECUTE, which is else a healthy one."""
    return tried(execute=replace(Execute(PASSED, "xfs", 20480, 40960), **changes))


CONTAINER = of("environment", container="docker")
NOT_BOOTED = of("environment", booted=False)
