"""What came of the trial guests: whether they start as a job's would, and whether SELinux lets them read images."""

from __future__ import annotations

import re

from ...guest_trial import Label, Start
from ...installed import APPLY, POLICY
from ...leftovers.virsh import URI
from ..probes import guest_start
from . import kvm, packages
from .model import WHEN_LESS_BUSY, Check, Findings, Level

_THEN = f"; then {APPLY}"
_NAT_AGAIN = f"virsh -c {URI} net-destroy default; virsh -c {URI} net-start default"
# What helps, by libvirt's or QEMU's words; the first that matches. {daemon}: libvirt's
_STEPS = (
    ("network 'default' is not active", f"virsh -c {URI} net-start default; virsh -c {URI} net-autostart default"),
    ("Network not found", f"dnf install libvirt-daemon-config-network{_THEN}"),
    ("KVM kernel module|/dev/kvm", "see kvm device and libvirt user above"),
    ("[Ff]irmware|OVMF|edk2", f"dnf reinstall edk2-ovmf{_THEN}"),
    ("CPU|MSR|host-passthrough|host-model", f"dnf upgrade qemu-kvm-core{_THEN}, which looks for a CPU that works"),
    ("machine type|emulator", "dnf reinstall qemu-kvm-core; systemctl restart {daemon}"),
    ("[Aa]pp[Aa]rmor|virt-aa-helper", "see what it denied: journalctl -k --grep=apparmor"),
    ("[Ss][Ee][Ll]inux|security context", "see what it denied: ausearch -m avc -ts recent"),
    ("No space left", "see htcondor execute below"),
    ("Permission denied", "see what was denied: journalctl -k --grep='apparmor|avc'; journalctl -u {daemon}"),
)


def start(findings: Findings) -> Check:
    """Return the verdict on the starts, which belongs to the group libvirt."""
    group, name, trial = "libvirt", "trial", findings.trials.guests
    why_not = "this node has no VM universe" if findings.values.no_vm else ""
    if why_not or not trial.query.tried:
        found = f"no virtual machine was started for a trial: {why_not or trial.query.reason}"
        return Check(group, name, Level.NOT_APPLICABLE, found)
    if trial.query.unknown:
        found = f"not known whether virtual machines start: {trial.query.reason}"
        return Check(group, name, Level.WARN, found, WHEN_LESS_BUSY)
    if trial.query.failed:
        found = f"the trial of virtual machines does not run: {trial.query.reason}"
        return Check(group, name, Level.FAIL, found, "dnf reinstall condor-kvm-stage")
    failed, certain = [start for start in trial.report.starts if start.fault], trial.failed
    if failed:
        words = "a virtual machine does not start" if certain else "not known whether virtual machines start"
        shown = certain or failed
        found = f"{words}, as one of a job's would: {'; '.join(map(guest_start.described, shown))}"
        steps = dict.fromkeys(step(start, findings) for start in shown)
        return Check(group, name, Level.FAIL if certain else Level.WARN, found, "; or: ".join(steps))
    networks = ", ".join(start.network for start in trial.report.starts if start.network)
    disk = f"an overlay of {trial.report.image}" if trial.report.image else "an empty disk"
    found = f"a virtual machine starts as a job's would, with {disk} in EXECUTE"
    return Check(group, name, Level.OK, found + (f", and with each network: {networks}" if networks else ""))


def step(start: Start, findings: Findings) -> str:
    """Return what helps a guest that did not start, or of which that is not known."""
    if start.step:
        return start.step
    if start.fault == packages.NO_VIRSH:
        return packages.virsh(findings.facts)
    if not start.is_known:
        return WHEN_LESS_BUSY
    daemon = findings.facts.libvirt.daemon or "libvirtd"
    if "Cannot get interface MTU" in start.fault or "to bridge" in start.fault:
        bridge = f"make that bridge, or correct network.bridge in {POLICY}{_THEN}"
        return bridge if start.network == "bridge" else _NAT_AGAIN
    if "/dev/net/tun" in start.fault:
        return kvm.load(findings.facts, "tun", "/dev/net/tun")
    found = next((helps for pattern, helps in _STEPS if re.search(pattern, start.fault)), "")
    return (found or "see journalctl -u {daemon}, and try again").format(daemon=daemon)


def selinux(findings: Findings) -> Check:
    """Return the verdict on the images' labels, which belongs to the group images."""
    group, name, mode = "images", "selinux", findings.facts.environment.selinux
    trial, labels = findings.trials.guests, findings.trials.guests.report.labels
    if mode == "disabled":
        return Check(group, name, Level.NOT_APPLICABLE, "SELinux is disabled")
    missed = _missed(findings) if trial.query.passed else []
    if not trial.query.passed or not (labels or missed):
        why = trial.query.reason or "there is no image to ask about"
        return Check(group, name, Level.NOT_APPLICABLE, f"SELinux ({mode}) was not asked: {why}")
    denied = [label for label in labels if label.step]
    if denied:
        found = "; ".join(map(_denied, denied))
        steps = "; ".join(dict.fromkeys(label.step for label in denied))
        if mode == "enforcing":
            return Check(group, name, Level.FAIL, found, steps)
        return Check(group, name, Level.WARN, f"if it were enforcing: {found}", steps)
    unclear = [label for label in labels if label.fault]
    if unclear:
        return Check(group, name, Level.WARN, unclear[0].fault, f"compare its label: ls -Z {unclear[0].image}")
    if missed:
        found = f"not known whether SELinux ({mode}) lets guests read {', '.join(missed)}, which took long to stage"
        return Check(group, name, Level.WARN, found, WHEN_LESS_BUSY)
    return Check(
        group, name, Level.OK, f"SELinux ({mode}) lets guests read {', '.join(label.image for label in labels)}"
    )


def _missed(findings: Findings) -> list[str]:
    """Return the images that can be staged, but for which the trial of guests did not wait."""
    if not (findings.trials.facts and findings.trials.facts.selinux):  # guests have no context
        return []
    asked = [label.image for label in findings.trials.guests.report.labels]
    staged = [trial.image for trial in findings.trials.directories if trial.outcome.passed]
    return [image for image in staged if image not in asked]


def _denied(label: Label) -> str:
    return label.fault if f" {label.image} " in label.fault else f"{label.fault}, and so not {label.image}"
