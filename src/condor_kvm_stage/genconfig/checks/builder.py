"""HTCondor's settings by which our programs define virtual machines, and say why they refuse a job."""

from __future__ import annotations

from ...installed import APPLY, BUILDER, HOOK, KEYWORD, POLICY, SNIPPET
from .model import Check, Findings, Level

_GROUP = "htcondor"
_SCRIPT = "LIBVIRT_XML_SCRIPT"


def check(findings: Findings) -> Check:
    """Return the verdict of the group htcondor on them."""
    name, script = "domain", findings.facts.htcondor.settings.get(_SCRIPT)
    if findings.facts.htcondor.fault or not script:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, f"HTCondor does not say what {_SCRIPT} is")
    if findings.snippet is None:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "nothing is set before the snippet is there")
    if findings.values.no_vm:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "no virtual machine is to be defined here")
    if script.value == BUILDER:
        return _ours(findings)
    found = f"virtual machines are defined by {script.value}, which does not keep jobs from base images"
    if script.origin.startswith("/") and not script.origin.startswith(SNIPPET):
        found = f"another file has virtual machines defined by a program of its own: {script.value} ({script.origin})"
        return Check(_GROUP, name, Level.WARN, found, "if that is not meant, take it out there")
    if not findings.values.guarded:
        step = f"if that is not meant, set guest.guarded = true in {POLICY}, then {APPLY}"
        return Check(_GROUP, name, Level.NOTE, f"as the policy says, {found}", step)
    return Check(_GROUP, name, Level.WARN, found, APPLY)


def _ours(findings: Findings) -> Check:
    name, missing = "domain", findings.facts.programs.missing
    if missing:
        found = f"what HTCondor is to run cannot be run: {', '.join(missing)}"
        return Check(_GROUP, name, Level.FAIL, found, "dnf reinstall condor-kvm-stage")
    silent = _why_silent(findings)
    if silent:
        found = f"{BUILDER} defines virtual machines, but a user is not told why it refuses a job: {silent}"
        step = f"if users are to be told, let those hooks run {HOOK}, too, or take them out there"
        return Check(_GROUP, name, Level.NOTE, found, step)
    return Check(_GROUP, name, Level.OK, f"{BUILDER} defines virtual machines, and refuses what could do harm")


def _why_silent(findings: Findings) -> str:
    """Return which setting keeps our hook from being run, "" for none. The first overrides the second."""
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
