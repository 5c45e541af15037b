"""HTCondor's settings for the filter around its vm-gahp, and for the jobs that it has put on hold."""

from __future__ import annotations

from ...installed import APPLY, GAHP, HOLD_ATTRIBUTE, HOLD_SETTINGS, POLICY
from .builder import why_not_applicable
from .model import Check, Findings, Level

_GROUP = "htcondor"
_SERVER = "VM_GAHP_SERVER"
# How a file sets one of HOLD_SETTINGS and keeps what the snippet has set
_KEPT = {
    "PREEMPT": "PREEMPT = $(PREEMPT) || …",
    "MAXJOBRETIREMENTTIME": "MAXJOBRETIREMENTTIME = ifThenElse($(KVMSTAGE_ASKED) =?= true, -1, …)",
    "WANT_HOLD": "WANT_HOLD = $(WANT_HOLD) || …",
    "WANT_HOLD_REASON": "WANT_HOLD_REASON = ifThenElse($(KVMSTAGE_HOLD), $(KVMSTAGE_REASON), …)",
}


def check(findings: Findings) -> Check:
    """Return the verdict, which belongs to the group htcondor."""
    name, server = "filter", findings.facts.htcondor.settings.get(_SERVER)
    if not server or why_not_applicable(_SERVER, findings):
        return Check(_GROUP, name, Level.NOT_APPLICABLE, why_not_applicable(_SERVER, findings))
    if server.value == GAHP:
        return _ours(findings)
    found = f"{server.value} runs without this package's filter, so one job can cost the node its VM universe"
    if server.in_another_file:
        return Check(_GROUP, name, Level.WARN, f"{found}: {server.origin}", "if this is not intended, remove it there")
    if not findings.values.filtered:
        step = f"if this is not intended, set guest.guarded and guest.filtered = true in {POLICY}, then {APPLY}"
        return Check(_GROUP, name, Level.NOTE, f"as the policy says, {found}", step)
    return Check(_GROUP, name, Level.WARN, found, APPLY)


def _ours(findings: Findings) -> Check:
    name, settings = "filter", findings.facts.htcondor.settings
    replaced = [
        setting
        for setting in HOLD_SETTINGS
        if setting in settings and settings[setting].in_another_file and HOLD_ATTRIBUTE not in settings[setting].value
    ]
    if replaced:
        places = ", ".join(f"{setting} ({settings[setting].origin})" for setting in replaced)
        found = f"jobs whose guest does not start go on hold without the reason: another file replaces {places}"
        step = f"keep the snippet's value there, as in {_KEPT[replaced[0]]}; then condor_reconfig"
        return Check(_GROUP, name, Level.WARN, found, step)
    return Check(_GROUP, name, Level.OK, f"{GAHP} ends jobs with their guests, and judges failed starts")
