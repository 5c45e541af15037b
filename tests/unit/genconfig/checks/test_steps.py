"""--check's next steps: each one helps, on an otherwise good host."""

from __future__ import annotations

import pytest

from condor_kvm_stage import installed
from condor_kvm_stage.genconfig.checks import Findings
from condor_kvm_stage.genconfig.outcome import failed, not_tried, unknown
from condor_kvm_stage.genconfig.probes import guest_support, virtiofs
from condor_kvm_stage.guest_facts import GuestFacts
from support.findings import (
    CONTAINER,
    NOT_BOOTED,
    Change,
    advertises,
    all_of,
    asked,
    decided,
    directory,
    knows,
    of,
    sets,
    tried,
    verdict,
)

SCRIPT = "LIBVIRT_XML_SCRIPT"


@pytest.mark.parametrize(
    ("change", "subject", "step"),
    [
        (of("cpu", level=1), "host cpu-level", '"x86_64-v2"'),
        (of("cpu", level=2), "host cpu-level", '"x86_64-v3"'),
        (of("devices", iommu=failed("x")), "host iommu", "intel_iommu=on"),
        (all_of(of("devices", iommu=failed("x")), of("cpu", vendor="AuthenticAMD")), "host iommu", "AMD-Vi"),
        (all_of(of("devices", iommu=failed("x")), of("cpu", vendor="")), "host iommu", "whether the firmware"),
        (all_of(of("devices", iommu=failed("x")), of("cpu", hypervisor=True)), "host iommu", "virtual machine"),
        (of("kvm", usable=False, code="EACCES"), "kvm device", "run this as root"),
        (of("kvm", usable=False, modules=("kvm",)), "kvm device", "modprobe kvm_intel"),
        (
            all_of(of("kvm", usable=False, modules=("kvm",)), of("cpu", extension="AMD-V")),
            "kvm device",
            "modprobe kvm_amd",
        ),
        (of("kvm", usable=False), "kvm device", "udev"),
        (of("kvm", usable=False, code="EBUSY"), "kvm device", "another hypervisor uses the virtualisation"),
        (of("kvm", usable=False, code="EBUSY", rivals=("vboxdrv", "vmmon")), "kvm device", "modprobe -r vboxdrv vmmon"),
        (all_of(of("kvm", usable=False), of("cpu", extension="")), "kvm device", "see host cpu above"),
        (all_of(of("kvm", usable=False), CONTAINER), "kvm device", "--device /dev/kvm"),
        (all_of(of("devices", vhost_net=False), CONTAINER), "kvm vhost-net", "--device /dev/vhost-net"),
        (of("libvirt", listens=failed("x")), "libvirt daemon", "systemctl enable --now virtqemud.socket"),
        (
            of("libvirt", listens=failed("x"), masked=("a.service", "a.socket")),
            "libvirt daemon",
            "systemctl unmask a.service a.socket; systemctl enable --now",
        ),
        (all_of(of("libvirt", listens=failed("x")), NOT_BOOTED), "libvirt daemon", "systemctl enable virtqemud.socket"),
        (of("libvirt", listens=failed("x: Permission denied")), "libvirt daemon", "run this as root"),
        (asked(capabilities=failed("no program virsh")), "libvirt daemon", "dnf install libvirt-client;"),
        (asked(capabilities=not_tried(guest_support.NOT_ROOT)), "libvirt daemon", "run this as root"),
        (asked(capabilities=failed("virsh did not end")), "libvirt daemon", "systemctl restart virtqemud; then"),
        (asked(GuestFacts(), cpu=failed("x")), "libvirt cpu", "see libvirt qemu above"),
        (asked(GuestFacts("host-passthrough", cpu_without=["x"])), "libvirt cpu", "dnf upgrade qemu-kvm-core"),
        (asked(files=failed(virtiofs.NO_PROGRAM)), "libvirt files", "dnf install virtiofsd; then"),
        (asked(files=failed(virtiofs.NO_LIBVIRT)), "libvirt files", "dnf upgrade; then"),
        (asked(files=failed("/x is older")), "libvirt files", "dnf upgrade virtiofsd; then"),
        (sets(SCRIPT, "/x"), "htcondor domain", "remove it there"),
        (sets(SCRIPT, "/x", "<Default>"), "htcondor domain", "condor-kvm-stage-genconfig --apply"),
        (sets(SCRIPT, "/x", f"{installed.SNIPPET}, line 9"), "htcondor domain", "condor-kvm-stage-genconfig --apply"),
        (all_of(decided(guarded=False), sets(SCRIPT, "/x", "<Default>")), "htcondor domain", "guest.guarded = true"),
        (of("programs", missing=("/x",)), "htcondor domain", "dnf reinstall condor-kvm-stage"),
        (sets("STARTER_JOB_HOOK_KEYWORD", "X"), "htcondor domain", "/condor-kvm-stage-prepare, too"),
        (directory("x"), "images directory", "--check nfs:///srv/images/x.img:disk.qcow2"),
        (directory("x", ""), "images directory", "the users of jobs have access"),
        (all_of(directory("x"), tried(plugin=failed("x"))), "images directory", "see package plug-in below"),
        (tried(canary=failed("x"), plugin=failed("x")), "images canary", "see package plug-in below"),
        (tried(gahp=failed("x")), "htcondor vm-gahp-test", "see kvm and libvirt above"),
        (tried(gahp=unknown("x did not end within 5 s")), "htcondor vm-gahp-test", "systemctl restart virtqemud"),
        (tried(unit="disabled by /x"), "package unit", "remove that file"),
        (
            all_of(knows(snippet=None), tried(gahp=failed("'VM_MEMORY' is not defined"))),
            "htcondor vm-gahp-test",
            "see htcondor snippet below",
        ),
        (tried(gahp=failed("VM_MEMORY (x)")), "htcondor vm-gahp-test", "see htcondor snippet and settings below"),
        (tried(gahp=failed("no program /x")), "htcondor vm-gahp-test", "see htcondor domain and filter below"),
        (
            all_of(tried(gahp=failed("x")), of("htcondor", configuration=failed("x"))),
            "htcondor vm-gahp-test",
            "see htcondor version above",
        ),
        (sets("START", "True"), "htcondor guard", "write there: START = ($(START))"),
        (sets("START", "True", "<Default>"), "htcondor guard", "condor-kvm-stage-genconfig --apply"),
        (sets("START", "True", f"{installed.SNIPPET}, line 9"), "htcondor guard", "condor-kvm-stage-genconfig --apply"),
        (advertises(start=("True",)), "htcondor guard", "condor_reconfig"),
        (advertises(query=failed("x")), "htcondor startd", "systemctl enable --now condor"),
        (all_of(advertises(query=failed("x")), NOT_BOOTED, CONTAINER), "htcondor startd", "start condor_master"),
        (advertises(methods=frozenset()), "htcondor startd", "condor_reconfig; if that does not help"),
        (all_of(advertises(methods=frozenset()), tried(plugin=failed("x"))), "htcondor startd", "see package plug-in"),
        (all_of(advertises(methods=frozenset()), tried(canary=failed("x"))), "htcondor startd", "see images canary"),
        (all_of(advertises(methods=frozenset()), knows(snippet=None)), "htcondor startd", "see htcondor snippet"),
        (
            all_of(advertises(methods=frozenset()), sets("FILETRANSFER_PLUGINS", "")),
            "htcondor startd",
            "see htcondor snippet and settings",
        ),
        (advertises(has_vm=False), "htcondor startd", "peaceful, or condor-kvm-stage-genconfig --apply"),
        (
            all_of(advertises(has_vm=False), of("libvirt", listens=failed("x"))),
            "htcondor startd",
            "fix what fails above",
        ),
        (all_of(advertises(has_vm=False), tried(gahp=failed("x"))), "htcondor startd", "fix what fails above"),
        (all_of(advertises(has_vm=False), of("programs", vm_gahp="")), "htcondor startd", "fix what fails above"),
    ],
)
def test_next_step_is_one_that_helps_on_this_host(good: Findings, change: Change, subject: str, step: str) -> None:
    assert step in verdict(change(good), subject).next_step
