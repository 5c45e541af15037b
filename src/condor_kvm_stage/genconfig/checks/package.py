"""This package's own parts."""

from __future__ import annotations

from .model import Check, Findings, Level

_GROUP = "package"


def checks(findings: Findings) -> list[Check]:
    """Return the verdicts of this group."""
    return [_plugin(findings), _unit(findings)]


def _plugin(findings: Findings) -> Check:
    fault = findings.trials.plugin
    if fault:
        return Check(
            _GROUP, "plug-in", Level.FAIL, f"the plug-in does not answer: {fault}", "dnf reinstall condor-kvm-stage"
        )
    return Check(_GROUP, "plug-in", Level.OK, "the plug-in answers")


def _unit(findings: Findings) -> Check:
    state = findings.trials.unit
    if not findings.facts.environment.booted and not state:
        return Check(_GROUP, "unit", Level.NOT_APPLICABLE, "there is no systemd here")
    if state == "enabled":
        found = "condor-kvm-stage.service looks at the host at every boot and start of HTCondor"
        return Check(_GROUP, "unit", Level.OK, found)
    missing = state in ("", "not-found")
    what = "not there" if missing else state
    found = f"condor-kvm-stage.service is {what}: after a change of the host the snippet stays as it is"
    step = "dnf reinstall condor-kvm-stage" if missing else "systemctl enable condor-kvm-stage"
    if state.startswith("switched off"):
        step = "remove that file"
    return Check(_GROUP, "unit", Level.NOTE, found, step)
