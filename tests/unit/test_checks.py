"""--check's verdicts one by one: what makes one fail or warn, on a host on which all is well otherwise."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from unit.hosts import RecordedHost

from condor_kvm_stage import policy
from condor_kvm_stage.genconfig import check, checks, facts, snippet
from condor_kvm_stage.genconfig.checks import Check, Level, Seen
from condor_kvm_stage.genconfig.htcondor import Setting
from condor_kvm_stage.genconfig.kvm import KvmDevice
from condor_kvm_stage.genconfig.running import Running
from condor_kvm_stage.genconfig.trials import DirectoryTrial

GOOD = Path(__file__).parents[1] / "data/hosts/intel-el10-user"
Change = Callable[[Seen], Seen]


@pytest.fixture
def good(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """What is known of a host on which every check is ok."""
    monkeypatch.setattr(policy, "PATH", "/etc/condor-kvm-stage/config.toml")
    monkeypatch.setattr(snippet, "__version__", "VERSION")
    monkeypatch.setattr(pwd, "getpwnam", lambda name: pwd.struct_passwd((name, "x", 64, 64, "", "/", "/sbin/nologin")))
    monkeypatch.setattr(os, "chown", lambda *_: None)
    seen = check.look(RecordedHost(GOOD))
    return replace(seen, snippet=seen.wanted)


def verdict(seen: Seen, subject: str) -> Check:
    (found,) = [check for check in checks.evaluate(seen) if f"{check.group} {check.name}" == subject]
    return found


def of(part: str, **changes: Any) -> Change:
    """A change of a part of the facts."""
    return lambda seen: replace(
        seen, facts=replace(seen.facts, **{part: replace(getattr(seen.facts, part), **changes)})
    )


def tried(**changes: Any) -> Change:
    return lambda seen: replace(seen, trials=replace(seen.trials, **changes))


def runs(**changes: Any) -> Change:
    return lambda seen: replace(seen, trials=replace(seen.trials, running=replace(seen.trials.running, **changes)))


def decided(**changes: Any) -> Change:
    return lambda seen: replace(seen, values=replace(seen.values, **changes))


def knows(**changes: Any) -> Change:
    return lambda seen: replace(seen, **changes)


def sets(name: str, value: str, origin: str = "/etc/condor/config.d/60-local.conf, line 1") -> Change:
    def change(seen: Seen) -> Seen:
        settings = {**seen.facts.htcondor.settings, name: Setting(value, origin)}
        return of("htcondor", settings=settings)(seen)

    return change


def all_of(*changes: Change) -> Change:
    def change(seen: Seen) -> Seen:
        for one in changes:
            seen = one(seen)
        return seen

    return change


def directory(fault: str = "", image: str = "/srv/images/x.img", source: str = "nfs4 filer:/export") -> Change:
    return tried(directories=(DirectoryTrial("/srv/images", image, fault, source),))


NO_KVM = KvmDevice(False, "cannot open /dev/kvm: No such file or directory", "ENOENT")
CONTAINER = of("environment", container="docker")
NOT_BOOTED = of("environment", booted=False)


def test_good_host_is_ok_in_every_check(good: Seen) -> None:
    assert {check.level for check in checks.evaluate(good)} == {Level.OK}


@pytest.mark.parametrize(
    ("change", "subject", "level", "words"),
    [
        (all_of(of("cpu", extension=""), of("kvm", usable=False)), "host cpu", Level.WARN, "neither vmx nor svm"),
        (of("cpu", extension=""), "host cpu", Level.OK, "works without"),
        (of("cpu", extension="", architecture="aarch64"), "host cpu", Level.NOT_APPLICABLE, "/dev/kvm decides"),
        (of("cpu", level=2), "host cpu-level", Level.NOTE, "guests of EL 10 do not"),
        (of("cpu", level=1), "host cpu-level", Level.NOTE, "guests of EL 9 and EL 10 do not"),
        (lambda s: decided(size=replace(s.values.size, memory=0))(s), "host memory", Level.FAIL, "leave nothing"),
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
        (sets("VM_TYPE", "xen"), "htcondor settings", Level.NOTE, "VM_TYPE = xen"),
        (of("htcondor", fault="x"), "htcondor settings", Level.NOT_APPLICABLE, "cannot be had"),
        (sets("START", "True"), "htcondor guard", Level.FAIL, "60-local.conf, line 1"),
        (sets("START", "VmJobDisksAreAllowed"), "htcondor guard", Level.FAIL, "does not guard"),
        (runs(start=("True",)), "htcondor guard", Level.FAIL, "running startd"),
        (all_of(knows(snippet=None), runs(has_vm=False)), "htcondor guard", Level.NOT_APPLICABLE, "no VM job can"),
        (all_of(decided(no_vm="x"), runs(start=("True",))), "htcondor guard", Level.FAIL, "running startd"),
        (of("htcondor", settings={}), "htcondor guard", Level.NOT_APPLICABLE, "does not say"),
        (runs(fault="nobody answers"), "htcondor startd", Level.FAIL, "nobody answers"),
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
        (tried(unit="not-found"), "package unit", Level.NOTE, "is not there"),
        (all_of(NOT_BOOTED, tried(unit="")), "package unit", Level.NOT_APPLICABLE, "no systemd"),
        (NOT_BOOTED, "package unit", Level.OK, "every boot"),
    ],
)
def test_verdict(good: Seen, change: Change, subject: str, level: Level, words: str) -> None:
    found = verdict(change(good), subject)
    assert found.level is level, found
    assert words in found.found
    assert bool(found.next_step) == (level not in (Level.OK, Level.NOT_APPLICABLE))


@pytest.mark.parametrize(
    ("change", "subject", "step"),
    [
        (of("cpu", level=1), "host cpu-level", '"x86_64-v2"'),
        (of("cpu", level=2), "host cpu-level", '"x86_64-v3"'),
        (of("platform", iommu="x"), "host iommu", "intel_iommu=on"),
        (all_of(of("platform", iommu="x"), of("cpu", vendor="AuthenticAMD")), "host iommu", "AMD-Vi"),
        (all_of(of("platform", iommu="x"), of("cpu", vendor="")), "host iommu", "whether the firmware"),
        (all_of(of("platform", iommu="x"), of("cpu", hypervisor=True)), "host iommu", "virtual machine"),
        (of("kvm", usable=False, code="EACCES"), "kvm device", "run this as root"),
        (of("kvm", usable=False, modules=("kvm",)), "kvm device", "modprobe kvm_intel"),
        (
            all_of(of("kvm", usable=False, modules=("kvm",)), of("cpu", extension="AMD-V")),
            "kvm device",
            "modprobe kvm_amd",
        ),
        (of("kvm", usable=False), "kvm device", "udev"),
        (all_of(of("kvm", usable=False), of("cpu", extension="")), "kvm device", "see host cpu above"),
        (all_of(of("kvm", usable=False), CONTAINER), "kvm device", "--device /dev/kvm"),
        (of("platform", tun=False), "kvm tun", "modprobe tun"),
        (all_of(of("platform", tun=False), CONTAINER), "kvm tun", "--device /dev/net/tun"),
        (all_of(of("platform", vhost_net=False), CONTAINER), "kvm vhost-net", "--device /dev/vhost-net"),
        (of("libvirt", fault="x"), "libvirt daemon", "systemctl enable --now virtqemud.socket"),
        (all_of(of("libvirt", fault="x"), NOT_BOOTED), "libvirt daemon", "systemctl enable virtqemud.socket"),
        (of("libvirt", fault="x: Permission denied"), "libvirt daemon", "run this as root"),
        (directory("x"), "images directory", "--check nfs:///srv/images/x.img:disk.qcow2"),
        (directory("x", ""), "images directory", "chmod o+rx /srv/images"),
        (all_of(directory("x"), tried(plugin="x")), "images directory", "see package plug-in below"),
        (all_of(tried(canary="x", plugin="x")), "images canary", "see package plug-in below"),
        (tried(gahp="x"), "htcondor vm-gahp-test", "see kvm and libvirt above"),
        (tried(gahp="'VM_MEMORY' is not defined"), "htcondor vm-gahp-test", "see htcondor snippet below"),
        (all_of(tried(gahp="x"), of("htcondor", fault="x")), "htcondor vm-gahp-test", "see htcondor version above"),
        (sets("START", "True"), "htcondor guard", "write there: START = ($(START))"),
        (sets("START", "True", "<Default>"), "htcondor guard", "condor-kvm-stage-genconfig --apply"),
        (sets("START", "True", f"{snippet.PATH}, line 9"), "htcondor guard", "condor-kvm-stage-genconfig --apply"),
        (runs(start=("True",)), "htcondor guard", "condor_reconfig"),
        (runs(fault="x"), "htcondor startd", "systemctl enable --now condor"),
        (all_of(runs(fault="x"), NOT_BOOTED, CONTAINER), "htcondor startd", "start condor_master"),
        (runs(methods=frozenset()), "htcondor startd", "condor_reconfig; if that does not help"),
        (all_of(runs(methods=frozenset()), tried(plugin="x")), "htcondor startd", "see package plug-in"),
        (all_of(runs(methods=frozenset()), tried(canary="x")), "htcondor startd", "see images canary"),
        (all_of(runs(methods=frozenset()), knows(snippet=None)), "htcondor startd", "see htcondor snippet"),
        (
            all_of(runs(methods=frozenset()), sets("FILETRANSFER_PLUGINS", "")),
            "htcondor startd",
            "see htcondor snippet and settings",
        ),
        (runs(has_vm=False), "htcondor startd", "peaceful, or condor-kvm-stage-genconfig --apply"),
        (all_of(runs(has_vm=False), of("libvirt", fault="x")), "htcondor startd", "mend what fails above"),
        (all_of(runs(has_vm=False), tried(gahp="x")), "htcondor startd", "mend what fails above"),
        (all_of(runs(has_vm=False), of("platform", vm_gahp="")), "htcondor startd", "mend what fails above"),
    ],
)
def test_next_step_is_one_that_helps_on_this_host(good: Seen, change: Change, subject: str, step: str) -> None:
    assert step in verdict(change(good), subject).next_step


def test_restart_is_not_called_for_while_the_snippet_is_not_in_place(good: Seen) -> None:
    found = verdict(all_of(runs(vm_memory=1), knows(wanted="A = 1\n"))(good), "htcondor startd")
    assert found.next_step == "condor-kvm-stage-genconfig --apply"


def test_jobs_that_run_are_named_and_only_the_peaceful_restart_is(good: Seen) -> None:
    found = verdict(runs(vm_memory=1, claimed=("slot1_1@wn",))(good), "htcondor startd")
    assert "(it runs jobs: slot1_1@wn)" in found.found
    assert found.next_step == "condor_restart -startd -peaceful"


@pytest.mark.parametrize(
    ("overrides", "running"),
    [
        ([sets("VM_MEMORY", "4000")], runs(vm_memory=4000)),
        ([sets("VM_MAX_NUMBER", "2")], runs(vm_number=2)),
        ([sets("VM_NETWORKING", "false")], runs(network_types=())),
        ([sets("VM_NETWORKING_TYPE", "user, bridge")], runs(network_types=("bridge", "user"))),
    ],
)
def test_restart_is_not_called_for_over_what_another_file_sets(
    good: Seen, overrides: list[Change], running: Change
) -> None:
    seen = all_of(*overrides, running)(good)
    assert verdict(seen, "htcondor startd").level is Level.OK
    assert verdict(seen, "htcondor settings").level is Level.NOTE
    assert verdict(all_of(*overrides)(good), "htcondor startd").level is Level.WARN, "the other file's is not there yet"


def test_image_build_with_the_unit_enabled_needs_no_snippet(good: Seen) -> None:
    build = all_of(NOT_BOOTED, knows(snippet=None), runs(fault="nobody"))(good)
    assert verdict(build, "htcondor snippet").level is Level.NOT_APPLICABLE
    assert verdict(build, "htcondor startd").level is Level.NOT_APPLICABLE
    assert verdict(tried(unit="disabled")(build), "htcondor snippet").level is Level.FAIL
    assert verdict(CONTAINER(build), "htcondor snippet").level is Level.FAIL
    assert verdict(CONTAINER(build), "htcondor startd").level is Level.FAIL


@pytest.mark.parametrize(
    ("selinux", "boolean", "source", "level"),
    [
        ("disabled", None, "nfs4 filer:/x", Level.NOT_APPLICABLE),
        ("enforcing", True, "nfs4 filer:/x", Level.OK),
        ("enforcing", None, "nfs4 filer:/x", Level.OK),
        ("enforcing", False, "nfs4 filer:/x", Level.FAIL),
        ("enforcing", False, "nfs filer:/x", Level.FAIL),
        ("enforcing", False, "xfs /dev/vdb1", Level.OK),
        ("permissive", False, "nfs4 filer:/x", Level.WARN),
    ],
)
def test_selinux_matters_where_images_are_on_nfs(
    good: Seen, selinux: str, boolean: bool | None, source: str, level: Level
) -> None:
    seen = all_of(of("environment", selinux=selinux, virt_use_nfs=boolean), directory(source=source))(good)
    assert verdict(seen, "images selinux").level is level


def test_selinux_is_a_warning_where_images_can_be_anywhere(good: Seen) -> None:
    seen = all_of(of("environment", selinux="enforcing", virt_use_nfs=False), tried(directories=()))(good)
    assert verdict(seen, "images selinux").level is Level.WARN


@pytest.mark.parametrize(
    ("types", "missing", "level"),
    [
        (("nat",), {}, Level.OK),
        (("nat",), {"user": "no passt"}, Level.NOTE),
        (("nat",), {"bridge": "no br0"}, Level.WARN),
        ((), {"nat": "not active"}, Level.WARN),
        ((), {}, Level.NOT_APPLICABLE),
    ],
)
def test_network_is_worth_a_warning_where_guests_have_none_or_not_the_bridge(
    good: Seen, types: tuple[str, ...], missing: dict[str, str], level: Level
) -> None:
    found = verdict(
        decided(network=replace(good.values.network, types=types, missing=missing))(good), "libvirt network"
    )
    assert found.level is level
    assert all(reason in found.found for reason in missing.values())


def test_host_without_networks_needs_no_tun(good: Seen) -> None:
    seen = all_of(of("platform", tun=False), decided(network=replace(good.values.network, types=("user",))))(good)
    assert verdict(seen, "kvm tun").level is Level.NOTE


def test_broken_policy_is_not_said_to_name_no_directories(good: Seen) -> None:
    broken = all_of(knows(policy=None, policy_fault="line 3"), tried(directories=(), canary=None))(good)
    for subject in ("images directory", "images canary"):
        found = verdict(broken, subject)
        assert (found.level, found.found) == (Level.NOT_APPLICABLE, "not tried, because the policy has an error")


def test_checks_stay_in_the_order_of_their_groups(good: Seen) -> None:
    groups = [check.group for check in checks.evaluate(good)]
    assert list(dict.fromkeys(groups)) == ["host", "kvm", "libvirt", "images", "htcondor", "package"]
    assert groups == sorted(groups, key=["host", "kvm", "libvirt", "images", "htcondor", "package"].index)


@pytest.mark.parametrize("fault", ["", "no image there"])
def test_check_of_one_image_is_one_verdict(
    good: Seen, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    monkeypatch.setattr("condor_kvm_stage.genconfig.trials.stage", lambda host, url: fault)
    monkeypatch.setattr(facts, "collect", None)  # of no use here, and slow
    status = check.run("nfs:///srv/\x1bx:y", RecordedHost(GOOD), as_json=False, quiet=False)
    (line,) = capsys.readouterr().out.splitlines()
    assert status == (1 if fault else 0)
    assert line.split()[:3] == ["fail" if fault else "ok", "images", "image"]
    assert "nfs:///srv/\\x1bx:y" in line, "what could do harm on a terminal is escaped"
    assert fault in line
    assert (" -> " in line) == bool(fault)


def test_running_startd_that_cannot_be_asked_is_no_reason_to_call_it_unguarded(good: Seen) -> None:
    seen = tried(running=Running(fault="nobody answers"))(good)
    assert verdict(seen, "htcondor guard").level is Level.OK
