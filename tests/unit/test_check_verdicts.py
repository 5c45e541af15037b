"""--check's verdicts one by one: what makes one fail or warn, on a host on which all is well otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.seen import CONTAINER, NOT_BOOTED, Change, all_of, decided, directory, knows, of, runs, sets, tried, verdict

from condor_kvm_stage.genconfig.checks import Level, Seen
from condor_kvm_stage.genconfig.kvm import KvmDevice

NO_KVM = KvmDevice(False, "cannot open /dev/kvm: No such file or directory", "ENOENT")


@pytest.mark.parametrize(
    ("change", "subject", "level", "words"),
    [
        (all_of(of("cpu", extension=""), of("kvm", usable=False)), "host cpu", Level.WARN, "neither vmx nor svm"),
        (of("cpu", extension=""), "host cpu", Level.OK, "works without"),
        (of("cpu", extension="", architecture="aarch64"), "host cpu", Level.NOT_APPLICABLE, "/dev/kvm decides"),
        (of("cpu", level=2), "host cpu-level", Level.NOTE, "guests of EL 10 do not"),
        (of("cpu", level=1), "host cpu-level", Level.NOTE, "guests of EL 9 and EL 10 do not"),
        (lambda s: decided(size=replace(s.values.size, memory=0))(s), "host memory", Level.FAIL, "leave nothing"),
        (
            lambda s: decided(size=replace(s.values.size, memory=63000, fixed=True))(s),
            "host memory",
            Level.WARN,
            "1024",
        ),
        (lambda s: decided(size=replace(s.values.size, memory=60000, fixed=True))(s), "host memory", Level.OK, "60000"),
        (lambda s: decided(size=replace(s.values.size, cap="x"))(s), "host memory", Level.NOTE, "limited by x"),
        (CONTAINER, "host place", Level.OK, "docker"),
        (all_of(CONTAINER, of("platform", tun=False)), "host place", Level.NOTE, "without /dev/net/tun"),
        (of("cpu", hypervisor=True), "host place", Level.NOTE, "unknown kind"),
        (of("environment", machine="KVM"), "host place", Level.NOTE, "(KVM)"),
        (of("platform", controllers=("memory", "cpu")), "host cgroup", Level.WARN, "cpuset, devices, blkio"),
        (of("platform", iommu="no table"), "host iommu", Level.NOTE, "no table"),
        (of("platform", secure_guests=""), "host secure-guests", Level.NOTE, "TDX"),
        (lambda s: replace(s, facts=replace(s.facts, kvm=NO_KVM)), "kvm device", Level.FAIL, "No such file"),
        (of("kvm", usable=False, code="EACCES", reason="no"), "kvm device", Level.WARN, "no"),
        (of("kvm", usable=False, code="EPERM", reason="no"), "kvm device", Level.FAIL, "no"),
        (of("kvm", nested=None), "kvm nested", Level.NOT_APPLICABLE, "does not say"),
        (of("kvm", nested=False), "kvm nested", Level.OK, "cannot run guests"),
        (of("platform", tun=False), "kvm tun", Level.FAIL, "(nat)"),
        (of("platform", vhost_net=False), "kvm vhost-net", Level.WARN, "slower"),
        (of("libvirt", daemon=""), "libvirt daemon", Level.FAIL, "no libvirt daemon"),
        (of("libvirt", fault="no libvirt daemon listens"), "libvirt daemon", Level.FAIL, "listens"),
        (of("libvirt", fault="x: Permission denied"), "libvirt daemon", Level.WARN, "may not ask"),
        (of("platform", qemu=""), "libvirt qemu", Level.FAIL, "no QEMU"),
        (knows(policy_fault="line 3"), "images policy", Level.FAIL, "line 3"),
        (of("platform", qemu_img=""), "images qemu-img", Level.FAIL, "no program"),
        (directory("the share did not answer", ""), "images directory", Level.FAIL, "did not answer"),
        (directory(image=""), "images directory", Level.NOTE, "no image to try"),
        (tried(directories=()), "images directory", Level.NOTE, "names no directories"),
        (tried(canary="gone"), "images canary", Level.FAIL, "gone"),
        (tried(canary=None), "images canary", Level.NOT_APPLICABLE, "names no"),
        (of("htcondor", config_dir=False), "htcondor version", Level.FAIL, "not installed"),
        (of("htcondor", fault="line 2"), "htcondor version", Level.FAIL, "line 2"),
        (of("htcondor", version=(10, 9, 0)), "htcondor version", Level.WARN, "older than 23"),
        (of("htcondor", version=()), "htcondor version", Level.WARN, "unknown version"),
        (of("platform", vm_gahp=""), "htcondor vm-gahp", Level.FAIL, "no program"),
        (of("platform", vm_gahp=""), "htcondor vm-gahp-test", Level.NOT_APPLICABLE, "no condor_vm-gahp"),
        (decided(no_vm="x"), "htcondor vm-gahp-test", Level.NOT_APPLICABLE, "no VM universe"),
        (tried(gahp=None), "htcondor vm-gahp-test", Level.WARN, "not run"),
        (tried(gahp="no libvirt"), "htcondor vm-gahp-test", Level.FAIL, "no libvirt"),
        (knows(snippet=None), "htcondor snippet", Level.FAIL, "is not there"),
        (knows(snippet="A = 1\n"), "htcondor snippet", Level.WARN, "edited"),
        (knows(wanted="A = 1\n"), "htcondor snippet", Level.WARN, "not what this host calls for"),
        (knows(policy_fault="x"), "htcondor snippet", Level.NOT_APPLICABLE, "not compared"),
        (of("htcondor", fault="x"), "htcondor snippet", Level.NOT_APPLICABLE, "not compared"),
        (sets("FILETRANSFER_PLUGINS", "curl_plugin"), "htcondor settings", Level.FAIL, "60-local.conf, line 1"),
        (sets("VM_MEMORY", "5"), "htcondor settings", Level.NOTE, "VM_MEMORY = 5 (/etc"),
        (sets("VM_TYPE", "xen"), "htcondor settings", Level.FAIL, "VM_TYPE = xen"),
        (sets("VM_TYPE", ""), "htcondor settings", Level.FAIL, "switches VM universe off"),
        (of("htcondor", fault="x"), "htcondor settings", Level.NOT_APPLICABLE, "cannot be had"),
        (sets("ENABLE_URL_TRANSFERS", "False"), "htcondor settings", Level.FAIL, "60-local.conf, line 1"),
        (sets("ENABLE_URL_TRANSFERS", "t"), "htcondor settings", Level.OK, "no other file"),
        (sets("START", "True"), "htcondor guard", Level.FAIL, "60-local.conf, line 1"),
        (sets("START", "VmJobDisksAreAllowed"), "htcondor guard", Level.FAIL, "does not guard"),
        (sets("START", "False"), "htcondor guard", Level.FAIL, "no job starts here"),
        (runs(start=("True",)), "htcondor guard", Level.FAIL, "running startd"),
        (runs(conditions=frozenset({"VmJobRules"})), "htcondor guard", Level.FAIL, "so no VM job starts"),
        (all_of(knows(snippet=None), runs(has_vm=False)), "htcondor guard", Level.NOT_APPLICABLE, "no VM job can"),
        (all_of(decided(no_vm="x"), runs(start=("True",))), "htcondor guard", Level.FAIL, "running startd"),
        (of("htcondor", settings={}), "htcondor guard", Level.NOT_APPLICABLE, "does not say"),
        (runs(fault="nobody answers"), "htcondor startd", Level.FAIL, "nobody answers"),
        (
            all_of(runs(fault="x"), sets("DAEMON_LIST", "MASTER, SCHEDD")),
            "htcondor startd",
            Level.FAIL,
            "DAEMON_LIST has no STARTD",
        ),
        (runs(methods=frozenset({"https"})), "htcondor startd", Level.FAIL, "does not offer nfs"),
        (runs(has_vm=False), "htcondor startd", Level.FAIL, "HasVM is false, and is to be true"),
        (runs(vm_memory=1), "htcondor startd", Level.WARN, "VM_Memory is 1, and is to be"),
        (runs(vm_number=None), "htcondor startd", Level.WARN, "is unlimited, and is to be 4"),
        (runs(network_types=()), "htcondor startd", Level.WARN, "VM_Networking_Types is none"),
        (all_of(runs(vm_memory=1), knows(policy_fault="x")), "htcondor startd", Level.OK, "VM_Memory = 1"),
        (decided(no_vm="x"), "htcondor startd", Level.WARN, "HasVM is true, and is to be false"),
        (of("htcondor", fault="x"), "htcondor startd", Level.NOT_APPLICABLE, "not asked"),
        (tried(plugin="dead"), "package plug-in", Level.FAIL, "dead"),
        (tried(unit="disabled"), "package unit", Level.NOTE, "is disabled"),
        (tried(unit="switched off by /x"), "package unit", Level.NOTE, "is switched off by /x"),
        (tried(unit="not-found"), "package unit", Level.NOTE, "is not there"),
        (all_of(NOT_BOOTED, tried(unit="")), "package unit", Level.NOT_APPLICABLE, "no systemd"),
        (NOT_BOOTED, "package unit", Level.OK, "every boot and start of HTCondor"),
    ],
)
def test_verdict(good: Seen, change: Change, subject: str, level: Level, words: str) -> None:
    found = verdict(change(good), subject)
    assert found.level is level, found
    assert words in found.found
    assert bool(found.next_step) == (level not in (Level.OK, Level.NOT_APPLICABLE))
