"""The images: the policy, the image directories, and whether an image can be staged."""

from __future__ import annotations

from urllib.parse import quote

from ...installed import APPLY, POLICY
from . import guests, packages
from .image_trials import DirectoryTrial
from .model import WHEN_LESS_BUSY, Check, Findings, Level

_GROUP = "images"
_NOT_ON_NFS = "the policy's image directories are not on NFS"
_NOT_TRIED = "not tried, because the policy has an error"


def checks(findings: Findings) -> list[Check]:
    """Return the verdicts of this group."""
    directories = [_directory(trial, findings) for trial in findings.trials.directories]
    return [
        _policy(findings),
        _qemu_img(findings),
        _seed(findings),
        *(directories or [_none(findings)]),
        _kerberos(findings),
        _delegation(findings),
        _canary(findings),
        guests.selinux(findings),
    ]


def _policy(findings: Findings) -> Check:
    if findings.policy_fault:
        step = f"then {APPLY}; until then no image is staged, and the snippet is not updated"
        return Check(_GROUP, "policy", Level.FAIL, findings.policy_fault, step)
    return Check(_GROUP, "policy", Level.OK, f"no error in {POLICY}")


def _qemu_img(findings: Findings) -> Check:
    path = findings.facts.programs.qemu_img
    if path:
        return Check(_GROUP, "qemu-img", Level.OK, f"{path} {findings.trials.qemu_img}".rstrip())
    return Check(_GROUP, "qemu-img", Level.FAIL, "no program qemu-img", packages.install(findings.facts, "qemu-img"))


def _seed(findings: Findings) -> Check:
    if findings.facts.programs.xorriso:
        return Check(_GROUP, "seed", Level.OK, "data for cloud-init can be handed to virtual machines")
    found = "no program xorriso, and a job that has a program, or data for cloud-init, is refused"
    return Check(_GROUP, "seed", Level.NOTE, found, f"if jobs need it: {packages.install(findings.facts, 'xorriso')}")


def _none(findings: Findings) -> Check:
    if findings.policy_fault:
        return Check(_GROUP, "directory", Level.NOT_APPLICABLE, _NOT_TRIED)
    found = "the policy sets no image directories (staging.image_dirs), so none was tried"
    step = "condor-kvm-stage-genconfig --check nfs:///path/of/image:disk.qcow2"
    return Check(_GROUP, "directory", Level.NOTE, found, step)


def _directory(trial: DirectoryTrial, findings: Findings) -> Check:
    name, where = "directory", f"{trial.directory} ({trial.source or 'local'})"
    if trial.outcome.unknown and not findings.trials.plugin.passed:  # which needs no share: the node itself is slow
        return Check(_GROUP, name, Level.WARN, f"{where}: not known: {trial.outcome.reason}", WHEN_LESS_BUSY)
    if trial.outcome.failed or trial.outcome.unknown:
        return Check(_GROUP, name, Level.FAIL, f"{where}: {trial.outcome.reason}", _step(trial, findings))
    if not trial.outcome.tried:
        step = (
            f"put an image (*.qcow2, *.img, *.raw) into it, or try another file: condor-kvm-stage-genconfig --check "
            f"nfs://{trial.directory}/<path>:disk.qcow2"
        )
        return Check(_GROUP, name, Level.NOTE, f"{where} {trial.outcome.reason}", step)
    if trial.refused[0]:
        found = f"{where}: staged {trial.image}, but {trial.refused[0]} cannot be staged: {trial.refused[1]}"
        return Check(_GROUP, name, Level.NOTE, found, "if jobs are to use it, fix it; if not, it does no harm there")
    return Check(_GROUP, name, Level.OK, f"{where}: staged {trial.image} as {findings.trials.user}")


def _step(trial: DirectoryTrial, findings: Findings) -> str:
    if trial.image and findings.trials.plugin.failed:
        return "see package plug-in below"
    if trial.image:
        return f"then try again: condor-kvm-stage-genconfig --check nfs://{quote(trial.image)}:disk.qcow2"
    return (
        f"check that it is mounted, its server answers, and the users of jobs have access; or correct "
        f"staging.image_dirs in {POLICY}, then {APPLY}"
    )


def _on_nfs(findings: Findings) -> list[DirectoryTrial]:
    return [trial for trial in findings.trials.directories if trial.source.startswith("nfs")]


def _kerberos(findings: Findings) -> Check:
    name = "kerberos"
    on_nfs = _on_nfs(findings)
    if not on_nfs:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, _NOT_ON_NFS)
    with_tickets = [trial.directory for trial in on_nfs if trial.kerberos]
    if not with_tickets:
        return Check(_GROUP, name, Level.OK, "no image directory needs Kerberos tickets")
    who = "the job's user has, as QEMU runs as that user" if findings.values.guarded else "libvirt's user has"
    found = f"{', '.join(with_tickets)} is mounted with sec=krb5, so a guest needs a ticket that {who}"
    step = "give jobs tickets that last as long as they do (SEC_CREDENTIAL_PRODUCER in HTCondor's manual)"
    return Check(_GROUP, name, Level.WARN, found, f"{step}, or export with sec=sys to this node")


def _delegation(findings: Findings) -> Check:
    name = "delegation"
    on_nfs = _on_nfs(findings)
    if not on_nfs:
        return Check(_GROUP, name, Level.NOT_APPLICABLE, _NOT_ON_NFS)
    without = [trial for trial in on_nfs if trial.delegated.failed]
    if without:
        where = ", ".join(f"{trial.image or trial.directory}: {trial.delegated.reason}" for trial in without)
        found = f"{where}; so every guest that starts reads its image from the server again"
        step = (
            "to spare the server, mount with vers=4.1 or later, and let the server give read delegations, which it "
            "cannot while a program has the image open for writing"
        )
        return Check(_GROUP, name, Level.NOTE, found, step)
    unknown = [trial for trial in on_nfs if not trial.delegated.passed]
    if unknown:
        where = ", ".join(f"{trial.directory}: {trial.delegated.reason}" for trial in unknown)
        return Check(_GROUP, name, Level.NOT_APPLICABLE, f"not known: {where}")
    return Check(_GROUP, name, Level.OK, "guests that start find in memory what others have read of their image")


def _canary(findings: Findings) -> Check:
    canary = findings.trials.canary
    if findings.policy_fault:
        return Check(_GROUP, "canary", Level.NOT_APPLICABLE, _NOT_TRIED)
    if not canary.tried:
        return Check(_GROUP, "canary", Level.NOT_APPLICABLE, canary.reason)
    if canary.unknown and not findings.trials.plugin.passed:
        return Check(_GROUP, "canary", Level.WARN, f"the canary image: not known: {canary.reason}", WHEN_LESS_BUSY)
    if canary.failed or canary.unknown:
        step = "fix the share, or correct staging.canary_image"
        if findings.trials.plugin.failed:
            step = "see package plug-in below"
        step += "; HTCondor offers nfs again after condor_reconfig"
        return Check(_GROUP, "canary", Level.FAIL, f"the canary image cannot be staged: {canary.reason}", step)
    return Check(_GROUP, "canary", Level.OK, "the canary image can be staged")
