"""What a job asks for is taken from its ad: what the submit file's example says, and each thing that it could say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condor_kvm_stage.domain import job_ad, request
from condor_kvm_stage.domain.request import Disk, Request
from support.domain.job_ads import EXAMPLE, ad_of, facts, parse, site, string


def disks(text: str, disk_dirs: list[str] | None = None) -> tuple[Disk, ...]:
    return parse(site(disk_dirs), VMPARAM_vm_Disk=string(text)).disks


def test_example_asks_for_what_its_submit_file_says() -> None:
    disk = Disk("disk.qcow2", "vda", "virtio", readonly=False, format="qcow2", cdrom=False)
    assert parse() == Request("alice_worker_1.0", 64, 1, (disk,), network="", mac="", vnc=False, uefi=False)


def test_hook_sees_a_job_that_has_no_name_yet() -> None:
    assert parse(VMPARAM_VM_NAME=None).name == ""


@pytest.mark.parametrize("name", ["a_1.0", "alice_pool.example.org_4294967295.99999", "a.b-c_d+e_worker_12.3"])
def test_name_that_htcondor_gives_is_taken(name: str) -> None:
    assert parse(VMPARAM_VM_NAME=string(name)).name == name


@pytest.mark.parametrize(
    ("text", "uefi"), [('"uefi"', True), ('"UEFI"', True), ('"bios"', False), ('""', False), (None, False)]
)
def test_firmware_is_bios_unless_the_job_asks_for_uefi(text: str | None, uefi: bool) -> None:
    assert parse(site(), facts(uefi=True), VMPARAM_Firmware=text).uefi is uefi


@pytest.mark.parametrize(("text", "wanted"), [("true", True), ("TRUE", True), ("false", False), (None, False)])
def test_guest_has_the_jobs_files_only_if_the_job_asks_for_them(text: str | None, wanted: bool) -> None:
    assert parse(site(), facts(virtiofsd="/usr/libexec/virtiofsd"), VMPARAM_Job_Files=text).files is wanted


def test_size_is_that_of_the_guest_and_else_that_of_the_slot() -> None:
    both = parse(JobVMMemory="512", RequestMemory="1024", JobVM_VCPUS="2", RequestCpus="4")
    assert (both.memory, both.vcpus) == (512, 2)
    slot = parse(JobVMMemory=None, RequestMemory="1024", JobVM_VCPUS="undefined", RequestCpus="4")
    assert (slot.memory, slot.vcpus) == (1024, 4)


def test_largest_sizes_are_those_that_libvirt_can_take() -> None:
    wanted = parse(JobVMMemory="999999999", JobVM_VCPUS="255")
    assert (wanted.memory, wanted.vcpus) == (999_999_999, 255)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:vda:w", Disk("a", "vda", "virtio", False, "", False)),
        ("a:vdzz:rw:raw", Disk("a", "vdzz", "virtio", False, "raw", False)),
        ("a+b_c-1.raw:sdaa:r:raw", Disk("a+b_c-1.raw", "sdaa", "scsi", True, "raw", False)),
        ("a:hdd:w:qcow2", Disk("a", "hdd", "ide", False, "qcow2", False)),
        ("seed.iso:hdc:r", Disk("seed.iso", "hdc", "ide", True, "", True)),
        ("isolated:sda:w:raw", Disk("isolated", "sda", "scsi", False, "raw", True)),
        ("-:vda:r", Disk("-", "vda", "virtio", True, "", False)),
        ("+..:vda:r", Disk("+..", "vda", "virtio", True, "", False)),
    ],
)
def test_disk_is_taken_as_written(text: str, expected: Disk) -> None:
    assert disks(text) == (expected,)


def test_disks_stay_in_their_order_whatever_the_blanks_between_them() -> None:
    found = disks("a:vdb:w:qcow2 , b:vda:r:raw ,  c:hda:w,d:hdd:rw")
    assert [(disk.name, disk.device) for disk in found] == [("a", "vdb"), ("b", "vda"), ("c", "hda"), ("d", "hdd")]


def test_sixteen_disks_are_possible() -> None:
    assert len(disks(",".join(f"disk{i}:vd{chr(97 + i)}:w:qcow2" for i in range(request.MOST_DISKS)))) == 16


def test_file_in_a_directory_of_the_policy_is_taken_by_its_path() -> None:
    (disk,) = disks("/srv/disks/alice/a.qcow2:vda:w", ["/srv/other", "/srv/disks"])
    assert disk.name == "/srv/disks/alice/a.qcow2"


@pytest.mark.parametrize(("asked", "found"), [("nat", "nat"), ("BRIDGE", "bridge"), (" user ", "user"), ("", "nat")])
def test_network_is_the_one_asked_for_or_the_first_that_there_is(asked: str, found: str) -> None:
    assert parse(JobVMNetworking="true", JobVMNetworkingType=string(asked)).network == found
    assert parse(JobVMNetworking="false", JobVMNetworkingType=string(asked)).network == ""


def test_network_of_no_kind_is_the_first_that_there_is() -> None:
    node = facts(networks=["user", "nat"])
    assert parse(None, node, JobVMNetworking="true", JobVMNetworkingType=None).network == "user"


@pytest.mark.parametrize("added", ['""', '" "', '"NAT"', '"nat"'])
def test_network_that_the_vm_gahp_adds_is_no_second_one(added: str) -> None:
    lines = ad_of(JobVMNetworking="true", JobVMNetworkingType='"nat"') + f"JOBVMNETWORKINGTYPE = {added}\n".encode()
    assert request.parse(job_ad.read(lines), site(), facts()).network == "nat"


def test_address_of_the_network_is_in_small_letters() -> None:
    assert parse(JobVM_MACADDR='"52:54:00:AB:CD:5F"').mac == "52:54:00:ab:cd:5f"


def test_screen_is_there_where_policy_allows_it_and_the_job_wants_it() -> None:
    assert parse(site(vnc=True), JobVMVNCConsole="true").vnc
    assert not parse(site(vnc=True)).vnc
    assert not parse(site(vnc=True), JobVMVNCConsole=None).vnc


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"VMPARAM_No_Output_VM": "true"}, False),
        ({"VMPARAM_No_Output_VM": None}, True),
        ({"TransferOutput": '"disk.qcow2"'}, True),
        ({"TransferOutput": '"out, disk.qcow2"'}, True),
        ({"TransferOutput": '"out,results"'}, False),
        ({"TransferOutput": '""'}, False),
        # what is not understood may be anything
        ({"TransferOutput": 'strcat("out")'}, True),
        ({"VMPARAM_No_Output_VM": "!false"}, True),
    ],
)
def test_disk_comes_back_unless_the_job_says_that_it_does_not(changes: dict[str, str | None], expected: bool) -> None:
    assert request.is_output(job_ad.read(ad_of(**changes)), "disk.qcow2") is expected


def test_ad_that_cannot_be_read_says_nothing_against_a_disk_that_comes_back() -> None:
    assert request.is_output(job_ad.read(b""), "disk.qcow2")


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(set(EXAMPLE) - {"JobVMType"})), st.text(max_size=12)))
def test_whatever_else_an_ad_says_of_the_machine_is_nothing_to_the_request(others: dict[str, str]) -> None:
    """No attribute counts but those that are named here."""
    asked = {
        *("VMPARAM_vm_Disk", "VMPARAM_VM_NAME", "JobVMMemory", "RequestMemory", "JobVM_VCPUS", "RequestCpus"),
        *("JobVMNetworking", "JobVMNetworkingType", "JobVM_MACADDR", "JobVMVNCConsole", "JobVMCheckpoint"),
    }
    changes = {name: string(text.replace("\n", "")) for name, text in others.items() if name not in asked}
    assert parse(**changes) == parse()
