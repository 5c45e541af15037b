"""HTCondor: its programs, its configuration, and what the running startd advertises."""

from __future__ import annotations

from ...installed import APPLY, CONFIG_DIR, COPIES, POLICY, SNIPPET
from ..probes.versions import dotted
from ..snippet import checksum
from ..startd import pending
from . import builder, execute, gahp_filter, packages, startd
from .model import WHEN_LESS_BUSY, Check, Findings, Level, is_build
from .trials import STARTD_WAITS

_GROUP = "htcondor"
_OLDEST = (23,)
_UNREADABLE = "HTCondor's configuration cannot be read"


def checks(findings: Findings) -> list[Check]:
    """Return the verdicts of this group."""
    if not findings.facts.htcondor.config_dir:
        found = f"HTCondor is not installed: no {CONFIG_DIR}"
        step = f"{packages.install(findings.facts, 'condor', 'condor-vm-gahp')}; then {APPLY}"
        return [Check(_GROUP, "version", Level.FAIL, found, step)]
    return [
        _version(findings),
        _gahp(findings),
        _gahp_test(findings),
        _snippet(findings),
        _settings(findings),
        *execute.checks(findings),
        startd.guard(findings),
        builder.check(findings),
        gahp_filter.check(findings),
        startd.running(findings),
    ]


def _version(findings: Findings) -> Check:
    condor = findings.facts.htcondor
    version = dotted(condor.version) or "of unknown version"
    if condor.configuration.unknown:
        return Check(_GROUP, "version", Level.WARN, f"not known: {condor.configuration.reason}", WHEN_LESS_BUSY)
    if not condor.configuration.passed:
        step = "run condor_config_val CONDOR_VERSION, and fix what it complains about"
        return Check(_GROUP, "version", Level.FAIL, f"{_UNREADABLE}: {condor.configuration.reason}", step)
    if condor.version < _OLDEST:
        found = f"HTCondor {version} is older than 23, with which this package is tested"
        return Check(_GROUP, "version", Level.WARN, found, packages.upgrade(findings.facts, "condor"))
    return Check(_GROUP, "version", Level.OK, f"HTCondor {version}")


def _gahp(findings: Findings) -> Check:
    path = findings.facts.programs.vm_gahp
    if path:
        return Check(_GROUP, "vm-gahp", Level.OK, path)
    step = packages.install(findings.facts, "condor-vm-gahp")
    return Check(_GROUP, "vm-gahp", Level.FAIL, "no program condor_vm-gahp", step)


def _gahp_test(findings: Findings) -> Check:
    name, gahp = "vm-gahp-test", findings.trials.gahp
    why_not = "there is no condor_vm-gahp" if not findings.facts.programs.vm_gahp else ""
    why_not = why_not or ("this node has no VM universe" if findings.values.no_vm else "")
    if why_not:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, f"HTCondor's own test of VM universe was not run: {why_not}")
    if not gahp.tried:
        return Check(_GROUP, name, Level.WARN, "HTCondor's own test of VM universe was not run", "run this as root")
    if gahp.unknown:
        found = f"HTCondor's own test of VM universe: not known: {gahp.reason}"
        step = f"{WHEN_LESS_BUSY}; if it never answers: systemctl restart {findings.facts.libvirt.daemon or 'libvirtd'}"
        return Check(_GROUP, name, Level.WARN, found, step)
    if gahp.failed:
        step = "see kvm and libvirt above, then HTCondor's VMGahpLog"
        if not findings.facts.htcondor.configuration.passed:
            step = "see htcondor version above"
        elif gahp.reason.startswith("no program ") or gahp.reason.endswith(" is not executable"):
            step = "see htcondor domain and filter below"
        elif "VM_MEMORY" in gahp.reason:  # which the snippet sets
            step = "see htcondor snippet below"
            if findings.snippet is not None:
                step = "see htcondor snippet and settings below"
        return Check(_GROUP, name, Level.FAIL, f"HTCondor's own test of VM universe fails: {gahp.reason}", step)
    if findings.trials.gahp_seconds > STARTD_WAITS:
        seconds = f"{findings.trials.gahp_seconds:.0f} s, and the startd gives it {STARTD_WAITS}"
        found = f"HTCondor's own test of VM universe passes, but took {seconds}: is the node busy?"
        return Check(_GROUP, name, Level.WARN, found, "if HasVM stays false: see what is slow, then run this again")
    return Check(_GROUP, name, Level.OK, "HTCondor's own test of VM universe passes")


def _snippet(findings: Findings) -> Check:
    name, current = "snippet", findings.snippet
    if findings.policy_fault:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "not compared, because the policy has an error")
    if current is not None and not findings.facts.htcondor.configuration.passed:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, f"not compared, because {_UNREADABLE}")
    if current is None and is_build(findings) and findings.trials.unit == "enabled":
        found = f"{SNIPPET} does not exist yet: condor-kvm-stage.service writes it when the node boots"
        return Check(_GROUP, name, Level.NOT_APPLICABLE, found)
    if current is None:
        return Check(_GROUP, name, Level.FAIL, f"{SNIPPET} does not exist", APPLY)
    read = findings.facts.htcondor.files
    if read and SNIPPET not in read:
        found = f"HTCondor does not read {SNIPPET}, but {', '.join(read[:3])}{', …' if len(read) > 3 else ''}"
        step = f"let LOCAL_CONFIG_DIR in {read[0]} have {CONFIG_DIR}, too; then {APPLY}"
        return Check(_GROUP, name, Level.FAIL, found, step)
    if current == findings.wanted:
        return Check(_GROUP, name, Level.OK, f"{SNIPPET} is up to date")
    if not checksum.holds(current):
        found = f"{SNIPPET} has been edited: the next run replaces it, and keeps a copy in {COPIES}"
        step = f"see condor-kvm-stage-genconfig --diff, move your settings to a file that is read later, then {APPLY}"
        return Check(_GROUP, name, Level.WARN, found, step)
    found = f"{SNIPPET} is out of date"
    return Check(_GROUP, name, Level.WARN, found, f"see condor-kvm-stage-genconfig --diff, then {APPLY}")


def _settings(findings: Findings) -> Check:
    name, settings = "settings", findings.facts.htcondor.settings
    if not findings.facts.htcondor.configuration.passed:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, _UNREADABLE)
    if findings.copies:
        found = f"HTCondor also reads copies of the snippet: {', '.join(findings.copies)}"
        step = f"remove them, or move them to {COPIES}; then {APPLY}"
        return Check(_GROUP, name, Level.WARN, found, step)
    plugins = settings.get("FILETRANSFER_PLUGINS")
    if findings.snippet is not None and plugins and "vm-nfs-plugin" not in plugins.value:
        found = f"FILETRANSFER_PLUGINS lacks the plug-in, because another file sets it: {plugins.origin}"
        step = "append there: FILETRANSFER_PLUGINS = $(FILETRANSFER_PLUGINS), …; then condor_reconfig"
        return Check(_GROUP, name, Level.FAIL, found, step)
    names = pending.overridden(findings.facts.htcondor)
    machines = settings.get("VM_TYPE")
    if machines and machines.value.lower() != "kvm" and "VM_TYPE" in names:
        found = f"another file disables VM universe: VM_TYPE = {machines.value} ({machines.origin})"
        return Check(_GROUP, name, Level.FAIL, found, f"to run VM jobs, remove it there, then {APPLY}")
    transfers = settings.get("ENABLE_URL_TRANSFERS")
    if findings.snippet is not None and transfers and transfers.value.lower() not in pending.TRUE:
        found = f"ENABLE_URL_TRANSFERS = {transfers.value}, so no plug-in is used: {transfers.origin}"
        return Check(_GROUP, name, Level.FAIL, found, "remove it there, then condor_reconfig")
    others = [f"{key} = {settings[key].value} ({settings[key].origin})" for key in names]
    if others:
        found = f"other files override the snippet: {'; '.join(others)}"
        step = f"if this is not intended, remove it there, and set it in {POLICY}"
        return Check(_GROUP, name, Level.NOTE, found, step)
    return Check(_GROUP, name, Level.OK, "no other file overrides the snippet")
