"""HTCondor's EXECUTE: the place where guests write, and what HTCondor may do with it."""

from __future__ import annotations

from ...installed import POLICY
from ..probes.execute import FULL
from ..startd.pending import TRUE
from .model import Check, Findings, Level

_GROUP = "htcondor"
_LITTLE = 1024  # MiB
_LITTLE_PERCENT = 5
_IN_MEMORY = ("tmpfs", "ramfs")
_SHARED = ("nfs", "nfs4", "cifs", "smb3", "ceph", "lustre", "9p", "virtiofs")
_FROZEN = "guests that need more are paused, or get errors from their disks"


def checks(findings: Findings) -> list[Check]:
    """Return the verdicts on EXECUTE, which belong to the group htcondor."""
    return [_space(findings), _limits(findings)]


def _space(findings: Findings) -> Check:
    name, found = "execute", findings.trials.execute
    path = findings.facts.htcondor.value("EXECUTE")
    if not found.query.tried or not findings.facts.htcondor.configuration.passed:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "EXECUTE is unknown")
    if not found.query.passed:
        step = f"see htcondor startd below, and whether HTCondor has made {path}"
        return Check(_GROUP, name, Level.WARN, f"cannot look at EXECUTE: {found.query.reason}", step)
    space = f"{path} ({found.kind}) has {found.free} of {found.size} MiB free"
    step = f"free some (du -xsh {path}/*), or set EXECUTE to a larger file system"
    if found.free < FULL:
        return Check(_GROUP, name, Level.FAIL, f"{space}: {_FROZEN}", step)
    if found.kind in _IN_MEMORY:
        return Check(_GROUP, name, Level.WARN, f"{space}, which is memory", "set EXECUTE to a file system on a disk")
    if found.kind in _SHARED:
        step = "set EXECUTE to a file system on this node's own disk"
        return Check(_GROUP, name, Level.WARN, f"{space}, which is a share: each write of a guest crosses it", step)
    if found.free < max(_LITTLE, found.size * _LITTLE_PERCENT // 100):
        return Check(_GROUP, name, Level.WARN, f"{space}: {_FROZEN}", step)
    return Check(_GROUP, name, Level.OK, space)


def _limits(findings: Findings) -> Check:
    name, setting = "disk-limits", findings.facts.htcondor.settings.get("STARTD_ENFORCE_DISK_LIMITS")
    if not findings.facts.htcondor.configuration.passed:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "STARTD_ENFORCE_DISK_LIMITS is unknown")
    if not findings.values.guarded:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "the policy does not use the domain builder")
    if setting and setting.value.lower() in TRUE:
        found = f"STARTD_ENFORCE_DISK_LIMITS is on, with which every VM job is refused: {setting.origin}"
        step = f"switch it off there, or set guest.guarded = false in {POLICY}; then restart HTCondor"
        return Check(_GROUP, name, Level.FAIL, found, step)
    return Check(_GROUP, name, Level.OK, "scratch directories are in EXECUTE's own file system")
