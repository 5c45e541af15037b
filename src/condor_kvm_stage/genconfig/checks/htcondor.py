"""HTCondor: its parts, what is configured, and what the running startd makes of it."""

from __future__ import annotations

from ...installed import APPLY, CONFIG_DIR, COPIES, POLICY, RESTART, SNIPPET
from ..probes.versions import dotted
from ..snippet import checksum, guard_in_start
from ..startd import apply, pending
from . import builder
from .model import Check, Findings, Level

_GROUP = "htcondor"
_OLDEST = (23,)
_NO_CONFIGURATION = "HTCondor's configuration cannot be had"


def checks(findings: Findings) -> list[Check]:
    """Return the verdicts of this group."""
    if not findings.facts.htcondor.config_dir:
        found = f"HTCondor is not installed: no {CONFIG_DIR}"
        return [Check(_GROUP, "version", Level.FAIL, found, f"dnf install condor condor-vm-gahp; then {APPLY}")]
    before = [
        _version(findings),
        _gahp(findings),
        _test(findings),
        _snippet(findings),
        _settings(findings),
        _guard(findings),
    ]
    return [*before, builder.check(findings), _running(findings)]


def _version(findings: Findings) -> Check:
    condor = findings.facts.htcondor
    version = dotted(condor.version) or "of an unknown version"
    if condor.fault:
        step = "run condor_config_val CONDOR_VERSION, and mend what it complains about"
        return Check(_GROUP, "version", Level.FAIL, f"{_NO_CONFIGURATION}: {condor.fault}", step)
    if condor.version < _OLDEST:
        found = f"HTCondor {version} is older than 23, with which this package is tested"
        return Check(_GROUP, "version", Level.WARN, found, "dnf upgrade condor")
    return Check(_GROUP, "version", Level.OK, f"HTCondor {version}")


def _gahp(findings: Findings) -> Check:
    path = findings.facts.programs.vm_gahp
    if path:
        return Check(_GROUP, "vm-gahp", Level.OK, path)
    return Check(_GROUP, "vm-gahp", Level.FAIL, "no program condor_vm-gahp", "dnf install condor-vm-gahp")


def _test(findings: Findings) -> Check:
    name, fault = "vm-gahp-test", findings.trials.gahp
    why_not = "there is no condor_vm-gahp" if not findings.facts.programs.vm_gahp else ""
    why_not = why_not or ("this node is to have no VM universe" if findings.values.no_vm else "")
    if why_not:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, f"HTCondor's own test of VM universe was not run: {why_not}")
    if fault is None:
        return Check(_GROUP, name, Level.WARN, "HTCondor's own test of VM universe was not run", "run this as root")
    if fault:
        step = "see kvm and libvirt above, then HTCondor's VMGahpLog"
        if "did not end" in fault and findings.facts.libvirt.daemon:  # it listens, but does not answer
            step = f"systemctl restart {findings.facts.libvirt.daemon}, which may hang"
        if findings.facts.htcondor.fault:
            step = "see htcondor version above"
        elif "VM_MEMORY" in fault:  # which the snippet sets
            step = "see htcondor snippet below"
        return Check(_GROUP, name, Level.FAIL, f"HTCondor's own test of VM universe fails: {fault}", step)
    return Check(_GROUP, name, Level.OK, "HTCondor's own test of VM universe passes")


def _snippet(findings: Findings) -> Check:
    name, there = "snippet", findings.snippet
    if findings.policy_fault:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "not compared, because the policy has an error")
    if there is not None and findings.facts.htcondor.fault:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, f"not compared, because {_NO_CONFIGURATION}")
    if there is None and _is_build(findings) and findings.trials.unit == "enabled":
        found = f"{SNIPPET} is not there yet: condor-kvm-stage.service writes it when the node boots"
        return Check(_GROUP, name, Level.NOT_APPLICABLE, found)
    if there is None:
        return Check(_GROUP, name, Level.FAIL, f"{SNIPPET} is not there", APPLY)
    if there == findings.wanted:
        return Check(_GROUP, name, Level.OK, f"{SNIPPET} is what this host calls for")
    if not checksum.holds(there):
        found = f"{SNIPPET} has been edited: the next run replaces it, and keeps a copy in {COPIES}"
        step = f"see condor-kvm-stage-genconfig --diff, move what you need to a file that is read later, then {APPLY}"
        return Check(_GROUP, name, Level.WARN, found, step)
    found = f"{SNIPPET} is not what this host calls for any more"
    return Check(_GROUP, name, Level.WARN, found, f"see condor-kvm-stage-genconfig --diff, then {APPLY}")


def _settings(findings: Findings) -> Check:
    name, settings = "settings", findings.facts.htcondor.settings
    if findings.facts.htcondor.fault:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, _NO_CONFIGURATION)
    plugins = settings.get("FILETRANSFER_PLUGINS")
    if findings.snippet is not None and plugins and "vm-nfs-plugin" not in plugins.value:
        found = f"FILETRANSFER_PLUGINS is without the plug-in, as another file sets it: {plugins.origin}"
        return Check(_GROUP, name, Level.FAIL, found, "append there: FILETRANSFER_PLUGINS = $(FILETRANSFER_PLUGINS), …")
    machines = settings.get("VM_TYPE")
    if machines and machines.value.lower() != "kvm" and "VM_TYPE" in pending.overridden(findings.facts.htcondor):
        found = f"another file switches VM universe off: VM_TYPE = {machines.value} ({machines.origin})"
        return Check(_GROUP, name, Level.FAIL, found, f"if VM jobs are to run here, take it out there, then {APPLY}")
    transfers = settings.get("ENABLE_URL_TRANSFERS")
    if findings.snippet is not None and transfers and transfers.value.lower() not in pending.TRUE:
        found = f"ENABLE_URL_TRANSFERS = {transfers.value}, so no plug-in is used: {transfers.origin}"
        return Check(_GROUP, name, Level.FAIL, found, "take it out there; then condor_reconfig")
    others = [
        f"{key} = {settings[key].value} ({settings[key].origin})" for key in pending.overridden(findings.facts.htcondor)
    ]
    if others:
        found = f"other files have the last word: {'; '.join(others)}"
        step = f"if that is not meant, take it out there, and set it in {POLICY}"
        return Check(_GROUP, name, Level.NOTE, found, step)
    return Check(_GROUP, name, Level.OK, "no other file overrides the snippet")


def _guard(findings: Findings) -> Check:
    name, start, running = "guard", findings.facts.htcondor.settings.get("START"), findings.trials.running
    if findings.facts.htcondor.fault or not start:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "HTCondor does not say what START is")
    if not running.has_vm and findings.snippet is None:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "no VM job can start here, so none needs to be kept out")
    if start.value.strip().lower() == "false":
        found = f"START is False, so no job starts here: {start.origin}"
        return Check(_GROUP, name, Level.FAIL, found, "take that out when jobs are to run here, then condor_reconfig")
    if not guard_in_start.demands(start.value, findings.values.guard):
        found = f"START does not guard VM jobs, so one can attach any file of this node: {start.origin}"
        elsewhere = (
            start.origin.startswith("/") and not start.origin.startswith(SNIPPET) and findings.snippet is not None
        )
        step = "write there: START = ($(START)) && (…), so that it adds; then condor_reconfig" if elsewhere else APPLY
        return Check(_GROUP, name, Level.FAIL, found, step)
    if running.has_vm and not pending.guarded(findings.values, running):
        found = "the running startd does not guard VM jobs, so one can attach any file of this node"
        step = "condor_reconfig; if that does not help, see SLOT_TYPE_<n>_START"
        return Check(_GROUP, name, Level.FAIL, found, step)
    if running.has_vm and not running.conditions.issuperset(findings.values.guard):
        found = "slots lack the conditions that START demands, so no VM job starts"
        step = "let no file set STARTD_ATTRS without $(STARTD_ATTRS); then condor_reconfig"
        return Check(_GROUP, name, Level.FAIL, found, step)
    return Check(_GROUP, name, Level.OK, "START lets in only VM jobs of strict form")


def _running(findings: Findings) -> Check:
    name, running = "startd", findings.trials.running
    if findings.facts.htcondor.fault:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, f"not asked, because {_NO_CONFIGURATION}")
    if running.fault and _is_build(findings):
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "no system runs here (an image build?)")
    daemons = findings.facts.htcondor.settings.get("DAEMON_LIST")
    if running.fault and daemons and "STARTD" not in daemons.value.upper():
        found = f"HTCondor runs no jobs here: DAEMON_LIST has no STARTD ({daemons.origin})"
        return Check(
            _GROUP, name, Level.FAIL, found, "if it is to be a worker, add STARTD there, then restart HTCondor"
        )
    if running.fault:
        how = "systemctl enable --now condor" if findings.facts.environment.booted else "start condor_master"
        return Check(_GROUP, name, Level.FAIL, running.fault, f"{how}; if it runs, see its MasterLog and StartLog")
    if "nfs" not in running.methods:
        return Check(_GROUP, name, Level.FAIL, "the running startd does not offer nfs", _how_to_get_nfs(findings))
    changes = (
        []
        if findings.policy_fault
        else pending.for_restart(pending.in_force(findings.values, findings.facts.htcondor), running)
    )
    if changes:
        found = f"restart needed: {'; '.join(changes)}"
        jobs = f" (it runs jobs: {', '.join(running.claimed)})" if running.claimed else ""
        level = Level.WARN if running.has_vm else Level.FAIL
        return Check(_GROUP, name, level, found + jobs, _how_to_restart(findings))
    return Check(_GROUP, name, Level.OK, f"the running startd advertises {apply.describe(running)}")


def _is_build(findings: Findings) -> bool:
    """Whether this is the making of an image: no system runs, and no container is one."""
    return not findings.facts.environment.booted and not findings.facts.environment.container


def _how_to_restart(findings: Findings) -> str:
    trials = findings.trials
    if findings.snippet != findings.wanted:
        return APPLY
    if not findings.values.no_vm and (
        trials.gahp or findings.facts.libvirt.fault or not findings.facts.programs.vm_gahp
    ):
        return f"mend what fails above, then {RESTART}"
    return RESTART if trials.running.claimed else f"{RESTART}, or {APPLY}"


def _how_to_get_nfs(findings: Findings) -> str:
    trials = findings.trials
    if trials.plugin:
        return "see package plug-in below"
    if trials.canary:
        return "see images canary above"
    plugins = findings.facts.htcondor.value("FILETRANSFER_PLUGINS")
    if findings.snippet is None or "vm-nfs-plugin" not in plugins:
        return "see htcondor snippet and settings above, then condor_reconfig"
    return "condor_reconfig; if that does not help, see HTCondor's StarterLog.testing"
