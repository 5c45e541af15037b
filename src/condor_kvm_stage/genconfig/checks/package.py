"""The parts of this package."""

from __future__ import annotations

from ... import health_report
from . import packages
from .model import WHEN_LESS_BUSY, Check, Findings, Level

_GROUP = "package"
_TIMER = "condor-kvm-stage-health.timer"


def checks(findings: Findings) -> list[Check]:
    """Return the verdicts of this group."""
    return [_plugin(findings), _unit(findings), _health(findings)]


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


def _health(findings: Findings) -> Check:
    name, looked = "health", findings.trials.health
    if not findings.facts.environment.booted:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "this system does not run systemd")
    if looked.get("Healthy") == "true":
        return Check(_GROUP, name, Level.OK, "the node looks at itself every minute, and finds nothing wrong")
    if not looked:
        found = f"the node has not looked at itself for ten minutes: {_TIMER} does not run"
        return Check(_GROUP, name, Level.NOTE, found, f"systemctl unmask {_TIMER}; systemctl start {_TIMER}")
    reason = health_report.words(looked.get("Reason", ""))
    found = f"no VM job starts until the node, which looks at itself every minute, no longer finds: {reason}"
    return Check(_GROUP, name, Level.WARN, found, "fix what fails above, if anything; then run this again in a minute")
