"""The images: the policy about them, the directories that they come from, whether one can be staged."""

from __future__ import annotations

from urllib.parse import quote

from ...installed import APPLY, POLICY
from .model import Check, Findings, Level
from .trials import DirectoryTrial

_GROUP = "images"
_UNKNOWN = "not tried, because the policy has an error"


def checks(findings: Findings) -> list[Check]:
    """Return the verdicts of this group."""
    directories = [_directory(trial, findings) for trial in findings.trials.directories]
    return [
        _policy(findings),
        _qemu_img(findings),
        *(directories or [_none(findings)]),
        _canary(findings),
        _selinux(findings),
    ]


def _policy(findings: Findings) -> Check:
    if findings.policy_fault:
        step = f"then {APPLY}; until then no image is staged, and the snippet stays as it is"
        return Check(_GROUP, "policy", Level.FAIL, findings.policy_fault, step)
    return Check(_GROUP, "policy", Level.OK, f"no error in {POLICY}")


def _qemu_img(findings: Findings) -> Check:
    path = findings.facts.programs.qemu_img
    if path:
        return Check(_GROUP, "qemu-img", Level.OK, f"{path} {findings.trials.qemu_img}".rstrip())
    return Check(_GROUP, "qemu-img", Level.FAIL, "no program qemu-img", "dnf install qemu-img")


def _none(findings: Findings) -> Check:
    if findings.policy_fault:
        return Check(_GROUP, "directory", Level.NOT_APPLICABLE, _UNKNOWN)
    found = "the policy names no directories for images (staging.image_dirs), so none was tried"
    step = "condor-kvm-stage-genconfig --check nfs:///path/of/image:disk.qcow2"
    return Check(_GROUP, "directory", Level.NOTE, found, step)


def _directory(trial: DirectoryTrial, findings: Findings) -> Check:
    name, where = "directory", f"{trial.directory} ({trial.source or 'of this node'})"
    if trial.fault:
        return Check(_GROUP, name, Level.FAIL, f"{where}: {trial.fault}", _step(trial, findings))
    if not trial.image:
        step = (
            f"put an image (*.qcow2, *.img, *.raw) into it, or try another one: condor-kvm-stage-genconfig --check "
            f"nfs://{trial.directory}/<path>:disk.qcow2"
        )
        return Check(_GROUP, name, Level.NOTE, f"{where} has no image to try", step)
    return Check(_GROUP, name, Level.OK, f"{where}: staged {trial.image} as {findings.trials.user}")


def _step(trial: DirectoryTrial, findings: Findings) -> str:
    if trial.image and findings.trials.plugin:
        return "see package plug-in below"
    if trial.image:
        return f"then try again: condor-kvm-stage-genconfig --check nfs://{quote(trial.image)}:disk.qcow2"
    return f"see that it is mounted and its server answers, and that all may go there: chmod o+rx {trial.directory}"


def _canary(findings: Findings) -> Check:
    fault = findings.trials.canary
    if findings.policy_fault:
        return Check(_GROUP, "canary", Level.NOT_APPLICABLE, _UNKNOWN)
    if fault is None:
        return Check(_GROUP, "canary", Level.NOT_APPLICABLE, "the policy names no staging.canary_image")
    if fault:
        step = (
            "see package plug-in below" if findings.trials.plugin else "mend the share, or correct staging.canary_image"
        )
        step += "; HTCondor offers nfs again after condor_reconfig"
        return Check(_GROUP, "canary", Level.FAIL, f"the canary image cannot be staged: {fault}", step)
    return Check(_GROUP, "canary", Level.OK, "the canary image can be staged")


def _selinux(findings: Findings) -> Check:
    name, environment = "selinux", findings.facts.environment
    if environment.selinux == "disabled":
        return Check(_GROUP, name, Level.NOT_APPLICABLE, "SELinux is off")
    if environment.virt_use_nfs is not False:
        return Check(_GROUP, name, Level.OK, f"SELinux ({environment.selinux}) lets guests read images on NFS")
    on_nfs = any(trial.source.startswith("nfs") for trial in findings.trials.directories)
    if findings.trials.directories and not on_nfs:
        return Check(
            _GROUP, name, Level.OK, "SELinux lets guests read no images on NFS, and the policy's are not there"
        )
    enforcing = environment.selinux == "enforcing"
    found = "SELinux keeps guests from images on NFS"
    if not enforcing:
        found = "SELinux would keep guests from images on NFS if it were enforcing"
    level = Level.FAIL if enforcing and on_nfs else Level.WARN
    return Check(_GROUP, name, level, found, "setsebool -P virt_use_nfs on")
