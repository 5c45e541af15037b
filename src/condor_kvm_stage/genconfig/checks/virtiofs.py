"""Whether virtual machines can have their jobs' files."""

from __future__ import annotations

from ...installed import APPLY
from ..probes import virtiofs
from . import guests, packages
from .model import Check, Findings, Level

_GROUP = "libvirt"


def check(findings: Findings) -> Check:
    """Return the verdict, which belongs to the group libvirt."""
    name, files = "files", findings.trials.support.files
    if findings.values.no_vm or not findings.values.guarded:
        why = "HTCondor's own script decides" if not findings.values.no_vm else "this node has no VM universe"
        return Check(_GROUP, name, Level.NOT_APPLICABLE, f"no virtiofsd was looked for: {why}")
    if not files.tried or files.unknown:
        found = f"it is unknown whether virtual machines can have their jobs' files: {files.reason}"
        return Check(_GROUP, name, Level.NOT_APPLICABLE, found)
    tried = findings.trials.guests.report.files
    if files.passed and tried and tried.fault:
        words = (
            "a virtual machine with its job's files does not start"
            if tried.is_known
            else "not known whether virtual machines can have their jobs' files"
        )
        step = guests.step(tried, findings)
        return Check(_GROUP, name, Level.WARN, f"{words}: {tried.fault}", step)
    if files.passed:
        return Check(_GROUP, name, Level.OK, "virtual machines can have their jobs' files, if the job asks for it")
    found = f"virtual machines cannot have their jobs' files, and a job that asks for them is refused: {files.reason}"
    return Check(_GROUP, name, Level.NOTE, found, f"if jobs need them: {_step(findings)}; then {APPLY}")


def _step(findings: Findings) -> str:
    reason = findings.trials.support.files.reason
    if reason == virtiofs.NO_PROGRAM:
        return packages.install(findings.facts, "virtiofsd")
    if reason == virtiofs.NO_LIBVIRT:
        return packages.upgrade(findings.facts)
    return packages.upgrade(findings.facts, "virtiofsd")
