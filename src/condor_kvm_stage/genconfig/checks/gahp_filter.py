"""HTCondor's setting for the filter around its vm-gahp."""

from __future__ import annotations

from ...installed import APPLY, GAHP, POLICY
from .builder import why_not_applicable
from .model import Check, Findings, Level

_GROUP = "htcondor"
_SERVER = "VM_GAHP_SERVER"


def check(findings: Findings) -> Check:
    """Return the verdict, which belongs to the group htcondor."""
    name, server = "filter", findings.facts.htcondor.settings.get(_SERVER)
    if not server or why_not_applicable(_SERVER, findings):
        return Check(_GROUP, name, Level.NOT_APPLICABLE, why_not_applicable(_SERVER, findings))
    if server.value == GAHP:
        return Check(_GROUP, name, Level.OK, f"{GAHP} ends jobs with their guests, and judges failed starts")
    found = f"{server.value} runs without this package's filter, so one job can cost the node its VM universe"
    if server.in_another_file:
        return Check(_GROUP, name, Level.WARN, f"{found}: {server.origin}", "if this is not intended, remove it there")
    if not findings.values.filtered:
        step = f"if this is not intended, set guest.guarded and guest.filtered = true in {POLICY}, then {APPLY}"
        return Check(_GROUP, name, Level.NOTE, f"as the policy says, {found}", step)
    return Check(_GROUP, name, Level.WARN, found, APPLY)
