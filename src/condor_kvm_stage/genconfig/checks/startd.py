"""The running startd: whether it guards VM jobs, and whether it advertises what the snippet says."""

from __future__ import annotations

from ...installed import APPLY, RESTART
from ..snippet import guard_in_start
from ..startd import apply, pending
from .model import WHEN_LESS_BUSY, Check, Findings, Level, is_build

_GROUP = "htcondor"


def guard(findings: Findings) -> Check:
    """Return the verdict on START, which belongs to the group htcondor."""
    name, start, advertised = "guard", findings.facts.htcondor.settings.get("START"), findings.trials.advertised
    if not findings.facts.htcondor.configuration.passed or not start:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "START is unknown")
    if not advertised.has_vm and findings.snippet is None:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "no VM job can start on this node, so no guard is needed")
    if start.value.strip().lower() == "false":
        found = f"START is False, so no job starts on this node: {start.origin}"
        return Check(_GROUP, name, Level.FAIL, found, "to run jobs, remove it there, then condor_reconfig")
    if not guard_in_start.requires(start.value, findings.values.guard):
        found = f"START does not guard VM jobs, so one can attach any file of this node: {start.origin}"
        elsewhere = start.in_another_file and findings.snippet is not None
        step = "write there: START = ($(START)) && (…), to keep the guard; then condor_reconfig" if elsewhere else APPLY
        return Check(_GROUP, name, Level.FAIL, found, step)
    if advertised.query.passed and (advertised.unsettled or advertised.drained):
        found, step = _not_yet(findings)
        return Check(_GROUP, name, Level.NOTE, found, step)
    if advertised.has_vm and not pending.guarded(findings.values, advertised):
        found = "the running startd does not guard VM jobs, so one can attach any file of this node"
        step = "condor_reconfig; if that does not help, see SLOT_TYPE_<n>_START"
        return Check(_GROUP, name, Level.FAIL, found, step)
    if advertised.has_vm and not advertised.conditions.issuperset(findings.values.guard):
        found = "slots lack the attributes that START requires, so no VM job starts"
        step = "find the file that sets STARTD_ATTRS without $(STARTD_ATTRS), and add that; then condor_reconfig"
        return Check(_GROUP, name, Level.FAIL, found, step)
    return Check(_GROUP, name, Level.OK, "START admits only VM jobs of a strict form")


def running(findings: Findings) -> Check:
    """Return the verdict on what the startd advertises, which belongs to the group htcondor."""
    name, advertised = "startd", findings.trials.advertised
    if not findings.facts.htcondor.configuration.passed:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "not asked, because HTCondor's configuration cannot be read")
    if not advertised.query.passed and is_build(findings):
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "this system is not running (an image build?)")
    daemons = findings.facts.htcondor.settings.get("DAEMON_LIST")
    if not advertised.query.passed and daemons and "STARTD" not in daemons.value.upper():
        found = f"HTCondor runs no jobs on this node: DAEMON_LIST has no STARTD ({daemons.origin})"
        return Check(_GROUP, name, Level.FAIL, found, "to make it a worker, add STARTD there, then restart HTCondor")
    if advertised.query.unknown:
        return Check(_GROUP, name, Level.WARN, f"not known: {advertised.query.reason}", WHEN_LESS_BUSY)
    if not advertised.query.passed:
        how = "systemctl enable --now condor" if findings.facts.environment.booted else "start condor_master"
        step = f"{how}; if it is running, see its MasterLog and StartLog"
        return Check(_GROUP, name, Level.FAIL, advertised.query.reason, step)
    if advertised.unsettled:
        found, step = _not_yet(findings)
        return Check(_GROUP, name, Level.NOTE, found, step)
    if "nfs" not in advertised.methods:
        return Check(_GROUP, name, Level.FAIL, "the running startd does not offer nfs", _how_to_get_nfs(findings))
    changes = (
        []
        if findings.policy_fault
        else pending.for_restart(pending.in_force(findings.values, findings.facts.htcondor), advertised)
    )
    if changes:
        found = f"restart needed: {'; '.join(changes)}"
        drained = advertised.drained
        if drained:
            found = f"{found}; it is drained or draining ({', '.join(drained)}), which a restart would undo"
            step = f"when it need no longer be drained: {_how_to_restart(findings)}"
            return Check(_GROUP, name, Level.WARN, found, step)
        jobs = f" (jobs run on it: {', '.join(advertised.claimed)})" if advertised.claimed else ""
        level = Level.WARN if advertised.has_vm else Level.FAIL
        return Check(_GROUP, name, level, found + jobs, _how_to_restart(findings))
    return Check(_GROUP, name, Level.OK, f"the running startd advertises {apply.describe(advertised)}")


def _not_yet(findings: Findings) -> tuple[str, str]:
    """Return finding and next step where the slot ads do not show what will hold: neither good nor bad."""
    advertised = findings.trials.advertised
    if advertised.unsettled:
        return f"not known yet, because {advertised.unsettled}", "run this again in a minute"
    names = ", ".join(advertised.drained)
    found = f"not known yet, because the startd accepts no jobs ({names}: drained or draining)"
    return found, "run this again when it accepts jobs"


def _how_to_restart(findings: Findings) -> str:
    trials = findings.trials
    if findings.snippet != findings.wanted:
        return APPLY
    if not findings.values.no_vm and (
        trials.gahp.failed or not findings.facts.libvirt.listens.passed or not findings.facts.programs.vm_gahp
    ):
        return f"fix what fails above, then {RESTART}"
    return RESTART if trials.advertised.claimed else f"{RESTART}, or {APPLY}"


def _how_to_get_nfs(findings: Findings) -> str:
    trials = findings.trials
    if trials.plugin.failed:
        return "see package plug-in below"
    if trials.canary.failed:
        return "see images canary above"
    plugins = findings.facts.htcondor.value("FILETRANSFER_PLUGINS")
    if findings.snippet is None or "vm-nfs-plugin" not in plugins:
        return "see htcondor snippet and settings above, then condor_reconfig"
    return "condor_reconfig; if that does not help, see HTCondor's StarterLog.testing"
