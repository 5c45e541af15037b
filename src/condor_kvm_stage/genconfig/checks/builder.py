"""HTCondor's settings for the domain builder and for the hook that tells users why it refuses a job."""

from __future__ import annotations

from ...installed import APPLY, BUILDER, HOOK, KEYWORD, POLICY
from . import packages
from .model import Check, Findings, Level

_GROUP = "htcondor"
_SCRIPT = "LIBVIRT_XML_SCRIPT"


def check(findings: Findings) -> Check:
    """Return the verdict, which belongs to the group htcondor."""
    name, script = "domain", findings.facts.htcondor.settings.get(_SCRIPT)
    if not script or why_not_applicable(_SCRIPT, findings):
        return Check(_GROUP, name, Level.NOT_APPLICABLE, why_not_applicable(_SCRIPT, findings))
    if script.value == BUILDER:
        return _ours(findings)
    found = f"virtual machines are defined by {script.value}, which does not protect base images from jobs"
    if script.in_another_file:
        found = f"another file sets another program that defines virtual machines: {script.value} ({script.origin})"
        return Check(_GROUP, name, Level.WARN, found, "if this is not intended, remove it there")
    if not findings.values.guarded:
        step = f"if this is not intended, set guest.guarded = true in {POLICY}, then {APPLY}"
        return Check(_GROUP, name, Level.NOTE, f"as the policy says, {found}", step)
    return Check(_GROUP, name, Level.WARN, found, APPLY)


def why_not_applicable(setting: str, findings: Findings) -> str:
    """Return why a setting that VM jobs need says nothing, "" if it does say something."""
    if not findings.facts.htcondor.configuration.passed or setting not in findings.facts.htcondor.settings:
        return f"{setting} is unknown"
    if findings.snippet is None:
        return "there is no snippet yet"
    return "this node has no VM universe" if findings.values.no_vm else ""


def _ours(findings: Findings) -> Check:
    name, missing = "domain", findings.facts.programs.missing
    if missing:
        found = f"programs that HTCondor runs are missing or not executable: {', '.join(missing)}"
        return Check(_GROUP, name, Level.FAIL, found, packages.reinstall(findings.facts, "condor-kvm-stage"))
    cause = _why_silent(findings)
    if cause:
        found = f"{BUILDER} defines virtual machines, but users are not told why it refuses a job: {cause}"
        step = f"to tell users, let those hooks run {HOOK}, too, or remove them there"
        return Check(_GROUP, name, Level.NOTE, found, step)
    return Check(_GROUP, name, Level.OK, f"{BUILDER} defines virtual machines, and refuses unsafe jobs")


def _why_silent(findings: Findings) -> str:
    """Return which setting prevents HTCondor from running our hook, "" for none. The first overrides the second."""
    settings = findings.facts.htcondor.settings
    wanted = {
        "STARTER_JOB_HOOK_KEYWORD": ("", KEYWORD),
        "STARTER_DEFAULT_JOB_HOOK_KEYWORD": (KEYWORD,),
        f"{KEYWORD}_HOOK_PREPARE_JOB": (HOOK,),
    }
    for name, good in wanted.items():
        setting = settings.get(name)
        value, origin = (setting.value, setting.origin) if setting else ("", "not set")
        if value not in good:
            return f"{name} = {value} ({origin})"
    return ""
