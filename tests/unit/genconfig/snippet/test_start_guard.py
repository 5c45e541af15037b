"""The conditions for VM jobs, evaluated by HTCondor's ClassAd library: which jobs they admit."""

from __future__ import annotations

import classad2
import pytest

from condor_kvm_stage.genconfig.snippet import start_guard
from support.vm_job_ads import (
    DIRS,
    DISKS,
    FILES,
    FIRMWARE,
    FITS,
    INTERNALS,
    NETWORK,
    SIZE,
    SLOT,
    SLOT_WITH_DIRS,
    failed,
    is_let_in,
    job,
    slot,
    string,
)

pytestmark = pytest.mark.needs_classad2


@pytest.mark.parametrize(
    "changes",
    [
        {},
        *[
            {"VMPARAM_vm_Disk": string(disks)}
            for disks in [
                "disk.qcow2:vda:w",
                "disk.qcow2:vda:rw:raw",
                "a+b_c-1.raw:sdaa:r:raw",
                "a:vda:w:qcow2,b:vdb:r:raw",
                "a:vda:w:qcow2 , b:vdb:r:raw ,  c:hda:w,d:hdd:rw",
                "a:vda:r:raw,a:vdb:r:raw",
                "disk:vda:w,seed.iso:hdc:r",
                "disk:vda:w,seed.iso:sda:r:raw",
                ",".join(f"disk{i}:vd{chr(97 + i // 26)}{chr(97 + i % 26)}:w:qcow2" for i in range(200)),
            ]
        ],
        *[
            {"JobVMNetworking": "true", "JobVMNetworkingType": string(kind)}
            for kind in ("nat", "user", "bridge", "NAT")
        ],
        {"JobVMNetworking": "true"},
        {"JobVM_MACADDR": string("52:54:00:12:34:5f")},
        {"JobVM_MACADDR": string("AA:BB:CC:DD:EE:FF")},
        {"JobVMMemory": "999999999", "JobVM_VCPUS": "255", "RequestCpus": "255"},
        {"RequestCpus": "JobVM_VCPUS", "RequestMemory": "128"},
        {"JobVM_VCPUS": "2", "RequestCpus": "4", "RequestMemory": "64"},
        {"User": string("a.b-c_d+e@pool.example.org")},
        {"JobVMVNCConsole": "true"},
        *[{"VMPARAM_Firmware": string(kind)} for kind in ("uefi", "bios", "UEFI")],
        *[{"VMPARAM_Job_Files": value} for value in ("true", "false")],
    ],
)
def test_job_of_ordinary_form_is_let_in(changes: dict[str, str]) -> None:
    assert failed(job(**changes)) == set()
    assert is_let_in(job(**changes))


@pytest.mark.parametrize("disk", ["/srv/disks/a:vda:w", "/srv/disks/x/y.raw:vdb:r:raw", "/srv/a.b+c/d:vdc:w:qcow2"])
def test_disks_in_the_policys_directories_are_let_in_there_only(disk: str) -> None:
    ad = job(VMPARAM_vm_Disk=string(f"disk.qcow2:vda:w:qcow2,{disk.replace('vda', 'vdz')}"))
    assert is_let_in(ad, SLOT_WITH_DIRS)
    assert failed(ad) == {DISKS}


@pytest.mark.parametrize(
    ("memory", "cpus", "fits"), [(64, 1, True), (128, 16, True), (63, 1, False), (64, 0, False), (0, 0, False)]
)
def test_job_is_let_in_by_slots_that_have_what_its_guest_needs(memory: int, cpus: int, fits: bool) -> None:
    """Whatever it requests, and requires: a slot that was made for an earlier job is used again."""
    ad = job(Requirements="true", RequestMemory="64")
    assert is_let_in(ad, slot(memory=memory, cpus=cpus)) is fits
    assert failed(ad, slot(memory=memory, cpus=cpus)) == (set() if fits else {FITS})


@pytest.mark.parametrize("universe", ["5", "7", "12", "1", "130"])
def test_job_of_another_universe_is_let_in_whatever_it_says(universe: str) -> None:
    assert is_let_in(job(JobUniverse=universe, VMPARAM_vm_Disk=string("/etc/shadow:vda:r"), JobVMType=None))


@pytest.mark.parametrize(
    "universe", ["ifThenElse(isUndefined(TARGET.HasVM), 13, 5)", "5 + 0", "13.0", '"5"', "undefined", None]
)
def test_job_whose_universe_is_no_number_is_taken_for_a_vm_job(universe: str | None) -> None:
    """It could become a VM job on the node, where there is no slot ad."""
    assert is_let_in(job(JobUniverse=universe))
    assert not is_let_in(job(JobUniverse=universe, VMPARAM_vm_Disk=string("/etc/shadow:vda:r")))


def test_job_is_let_in_by_slots_without_vm_rules_no_more_than_by_others() -> None:
    ad = slot()
    del ad["VmJobRules"]
    assert not is_let_in(job(), ad)


@pytest.mark.parametrize(("healthy", "lets_in"), [(None, True), ("undefined", True), ("true", True), ("false", False)])
def test_vm_job_and_no_other_is_kept_out_by_a_node_that_says_it_is_not_healthy(
    healthy: str | None, lets_in: bool
) -> None:
    ad = slot()
    if healthy:
        ad["KvmStageHealthy"] = classad2.ExprTree(healthy)
        ad["KvmStageReason"] = "/srv/images does not answer"
    assert is_let_in(job(), ad) is lets_in
    assert failed(job(), ad) == (set() if lets_in else {"VmJobNodeIsHealthy"})
    assert is_let_in(job(JobUniverse="5"), ad)
    assert is_let_in(job(KvmStageHealthy="true"), ad) is lets_in, "the job does not say how the node is"


@pytest.mark.parametrize(("offered", "lets_in"), [(None, True), ("undefined", True), ("true", True), ("false", False)])
def test_job_that_wants_its_files_is_kept_out_by_a_node_that_says_it_cannot(offered: str | None, lets_in: bool) -> None:
    ad = slot()
    if offered:
        ad["KvmStageJobFiles"] = classad2.ExprTree(offered)
    wanting = job(VMPARAM_Job_Files="true", KvmStageJobFiles="true")
    assert is_let_in(wanting, ad) is lets_in
    assert failed(wanting, ad) == (set() if lets_in else {FILES})
    for other in (job(), job(VMPARAM_Job_Files="false"), job(JobUniverse="5", VMPARAM_Job_Files="true")):
        assert is_let_in(other, ad)


def test_job_cannot_bring_the_conditions_that_a_slot_lacks() -> None:
    bare = classad2.ClassAd({"HasVM": True})
    bare["Requirements"] = SLOT.lookup("Requirements")
    own = dict.fromkeys([DISKS, NETWORK, SIZE, FITS, FIRMWARE, FILES, INTERNALS], "true")
    assert not bare.symmetricMatch(job(**own, VmJobRules='"mine"', Memory="999", Cpus="9"))
    assert SLOT.symmetricMatch(job(**own, VmJobRules='"mine"'))


def test_conditions_do_not_write_the_networks_type_as_the_vm_gahp_looks_for_it() -> None:
    """HTCondor lists what START reads in AutoClusterAttrs; there, the name would suppress the default."""
    assert not any("JobVMNetworkingType" in text for text in start_guard.attributes(DIRS).values())
