"""The parts of this package."""

from __future__ import annotations

from . import packages
from .model import WHEN_LESS_BUSY, Check, Findings, Level

_GROUP = "package"


def checks(findings: Findings) -> list[Check]:
    """Return the verdicts of this group."""
    return [_plugin(findings), _unit(findings)]


def _plugin(findings: Findings) -> Check:
    plugin = findings.trials.plugin
    if plugin.unknown:
        return Check(_GROUP, "plug-in", Level.WARN, f"not known: {plugin.reason}", WHEN_LESS_BUSY)
    if plugin.failed:
        found = f"the plug-in does not answer: {plugin.reason}"
        step = packages.reinstall(findings.facts, "condor-kvm-stage")
        if "Permission denied" in plugin.reason:  # of a directory above it, whose mode a package does not restore
            step = "let the users of jobs into the directories above it (chmod o+rx); then condor_reconfig"
        return Check(_GROUP, "plug-in", Level.FAIL, found, step)
    return Check(_GROUP, "plug-in", Level.OK, "the plug-in answers")


def _unit(findings: Findings) -> Check:
    state = findings.trials.unit
    if not findings.facts.environment.booted and not state:
        return Check(_GROUP, "unit", Level.NOT_APPLICABLE, "this system does not run systemd")
    if state == "unknown":
        return Check(_GROUP, "unit", Level.NOTE, "not known: systemctl did not answer in time", WHEN_LESS_BUSY)
    if state == "enabled":
        found = "condor-kvm-stage.service updates the snippet at each boot and start of HTCondor"
        return Check(_GROUP, "unit", Level.OK, found)
    missing = state in ("", "not-found")
    what = "not installed" if missing else state
    found = f"condor-kvm-stage.service is {what}: the snippet is not updated when the host changes"
    again = packages.reinstall(findings.facts, "condor-kvm-stage")
    step = again if missing else "systemctl enable condor-kvm-stage"
    if state.startswith("disabled by"):
        step = "remove that file"
    return Check(_GROUP, "unit", Level.NOTE, found, step)
