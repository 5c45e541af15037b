"""What a job must not ask for, or not in this way, is refused, in words that say what to write in the submit file."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condor_kvm_stage.failures import AuthorizationError, ParameterError, StageError
from condor_kvm_stage.guest_facts import GuestFacts
from support.domain.job_ads import EXAMPLE, facts, parse, site, string

DIRS = ["/srv/disks", "/srv/a.b+c"]
PLAIN_NAME = "must be one that the job has brought, by its plain name"
DISKS = [
    (message, text)
    for message, texts in [
        (
            PLAIN_NAME,
            [
                "/etc/shadow:vda:r:raw",
                "disk:vda:w,/etc/shadow:vdb:r:raw",
                "../../../etc/shadow:vda:r:raw",
                "..:vda:r",
                ".:vda:r",
                ".job.ad:vda:r",
                "dir/disk:vda:w",
                "./disk:vda:w",
                ":vda:w",
                "/srv/disks/../../etc/shadow:vda:r",
                "/srv/disks/./a:vda:r",
                "/srv/disks:vda:r",
                "/srv/disks/:vda:r",
                "/srv/disksx/a:vda:r",
                "/srv/disks//a:vda:r",
                "/srv/disks/.a:vda:r",
                "/srv/aXb+c/d:vda:w",
                "disk'/><source file='/etc/shadow:vda:w",
                "disk&amp;:vda:w",
                "a b:vda:w",
                "\u0434isk:vda:w",
                "disk\t:vda:w",
                "disk\0:vda:w",
                "disk\udcff:vda:w",
                "$$(Disk):vda:w",
                "fd@3:vda:w",
            ],
        ),
        (
            "write name:device:permission",
            [
                "disk",
                "disk:vda",
                "disk:vda:w:qcow2:raw",
                "disk:vda:w;disk:vdb:w",
                "",
                "a:vda:w,",
                ",",
                "a:vda:w,,b:vdb:w",
            ],
        ),
        (
            "the device must be vda to vdzz, sda to sdzz, or hda to hdd",
            [
                *[
                    "disk:xvda:w",
                    "disk:fda:w",
                    "disk:hde:w",
                    "disk:vd:w",
                    "disk:vdaaa:w",
                    "disk:vda'/>:w",
                    "disk:VDA:w",
                ],
                *["disk: vda:w", "disk::w", "nbd://host/export:vda:w"],
            ],
        ),
        ("the permission must be r or w", ["disk:vda:x", "disk:vda:", "disk:vda:wr", "disk:vda:W", "disk:vda:w :raw"]),
        (
            "the format must be raw or qcow2",
            ["disk:vda:w:vmdk", "disk:vda:w:QCOW2", "disk:vda:w:raw'/><source file='/etc/shadow", "disk:vda:w: raw"],
        ),
        ("has the device vda twice", ["a:vda:w,b:vda:r", "a:vda:w,b:vdb:w,c:vda:r"]),
        ("has the file a twice", ["a:vda:r,a:vdb:r"]),
        ("rename it, or write sda or hdc", ["comparison.qcow2:vda:w:qcow2", "x.iso:vda:r"]),
        (r"a disk that is read-only must be vd\? or sd\?$", ["disk:hda:r"]),
        (
            "to be a CD-ROM, have 'iso' in its name in small letters",
            ["SEED.ISO:hdc:r:raw", "Seed.Iso:hda:r", "xISOx:hdd:r"],
        ),
        ("has 17 disks; at most 16", [",".join(f"d{i}:vd{chr(97 + i)}:w" for i in range(17))]),
    ]
    for text in texts
]


@pytest.mark.parametrize(("message", "text"), DISKS)
def test_disk_that_is_not_as_it_must_be_is_refused_by_what_is_wrong(message: str, text: str) -> None:
    expected = AuthorizationError if message == PLAIN_NAME else ParameterError
    if not text:
        message = "the job has no disk; write vm_disk = name:device:permission"
    with pytest.raises(expected, match=message):
        parse(site(DIRS), VMPARAM_vm_Disk=string(text))


def test_job_without_a_disk_is_refused() -> None:
    with pytest.raises(ParameterError, match="the job has no disk; write vm_disk = "):
        parse(VMPARAM_vm_Disk=None)


def test_refusal_names_the_directories_that_policy_allows() -> None:
    with pytest.raises(AuthorizationError, match=r", or a path under /srv/disks, /srv/a\.b\+c$"):
        parse(site(DIRS), VMPARAM_vm_Disk=string("/etc/shadow:vda:r"))


REFUSED: list[tuple[type[StageError], str, Mapping[str, str | None]]] = [
    (ParameterError, 'JobVMType is not "kvm"; write vm_type = kvm', {"JobVMType": '"xen"'}),
    (ParameterError, 'JobVMType is not "kvm"; write vm_type = kvm', {"JobVMType": '"KVM"'}),
    (ParameterError, 'JobVMType is not "kvm"; write vm_type = kvm', {"JobVMType": None}),
    (ParameterError, "it must be a plain string", {"JobVMType": 'ifThenElse(true, "kvm", "xen")'}),
    (AuthorizationError, "checkpoints, which are not allowed here", {"JobVMCheckpoint": "true"}),
    (AuthorizationError, "checkpoints, which are not allowed here", {"TransferIntermediate": '""'}),
    (AuthorizationError, "checkpoints, which are not allowed here", {"transferintermediate": "undefined"}),
    *[
        (
            ParameterError,
            "is not a valid name for a virtual machine; submit as another user",
            {"VMPARAM_VM_NAME": string(name)},
        )
        for name in [
            *["x", "alice_1", "_1.0", "a_1.0.0", "a_1.0 ", "../a_1.0", ".a_1.0", "a/b_1.0", "a'_1.0", "a<b>_1.0"],
            *["a_1.0\0", "ä_1.0", "a" * 122 + "_1.0", "a_12345678901.0"],
        ]
    ],
    (
        AuthorizationError,
        "node offers nat, user, bridge",
        {"JobVMNetworking": "true", "JobVMNetworkingType": '"nat\'/>"'},
    ),
    (
        AuthorizationError,
        "node offers nat, user, bridge",
        {"JobVMNetworking": "true", "JobVMNetworkingType": '"nat,user"'},
    ),
    *[
        (ParameterError, "vm_macaddr is '.*'; write a unicast address", {"JobVM_MACADDR": string(address)})
        for address in [
            *["52:54:00:00:00:01'/><source file='/etc/shadow", "53:54:00:00:00:01", "ff:ff:ff:ff:ff:ff"],
            *[
                "FE:54:00:00:00:01",
                "52:54:00:00:00",
                "52-54-00-00-00-01",
                "52:54:00:00:00:01 ",
                "52:54:00:00:00:0\u0661",
            ],
        ]
    ],
    (AuthorizationError, r"wants a screen \(vm_vnc\), which policy does not allow here", {"JobVMVNCConsole": "true"}),
    *[
        (ParameterError, message, {name: text})
        for name, message in [
            ("JobVMMemory", "vm_memory is .*; write a number from 1 to 999999999$"),
            ("JobVM_VCPUS", "vm_vcpus is .*; write a number from 1 to 255$"),
        ]
        for text in ["0", "000"]
    ],
    (ParameterError, "vm_vcpus is 256; write a number from 1 to 255", {"JobVM_VCPUS": "256"}),
    (ParameterError, "VMPARAM_Firmware is 'efi'; write MY.VMPARAM_Firmware = ", {"VMPARAM_Firmware": '"efi"'}),
    (ParameterError, "VMPARAM_Firmware is true; it must be a plain string", {"VMPARAM_Firmware": "true"}),
    (
        AuthorizationError,
        "the job wants UEFI .*, and this node has no firmware for it; ",
        {"VMPARAM_Firmware": '"uefi"'},
    ),
    (
        AuthorizationError,
        r"the job wants its files in the guest [(]VMPARAM_Job_Files[)], and this node has no virtiofsd",
        {"VMPARAM_Job_Files": "true"},
    ),
    (ParameterError, 'VMPARAM_Job_Files is "true"; it must be true or false', {"VMPARAM_Job_Files": '"true"'}),
    (ParameterError, "vm_memory is not set", {"JobVMMemory": None, "RequestMemory": None}),
    (ParameterError, "RequestMemory is MY.JobVMMemory; it must be a whole number", {"JobVMMemory": None}),
    (ParameterError, "JobVMMemory is 1 [+] 1; it must be a whole number", {"JobVMMemory": "1 + 1"}),
    (ParameterError, "JobVMNetworking is 1; it must be true or false", {"JobVMNetworking": "1"}),
]


@pytest.mark.parametrize(("kind", "message", "changes"), REFUSED)
def test_job_is_refused_by_what_it_must_not_ask_for(
    kind: type[StageError], message: str, changes: Mapping[str, str | None]
) -> None:
    with pytest.raises(kind, match=message):
        parse(**changes)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (facts(networks=[]), "this node offers none; write vm_networking = False"),
        (facts(networks=["nat", "user"]), "vm_networking_type is 'bridge', and this node offers nat, user; write one"),
    ],
)
def test_network_that_the_node_does_not_offer_is_refused(node: GuestFacts, message: str) -> None:
    with pytest.raises(AuthorizationError, match=message):
        parse(None, node, JobVMNetworking="true", JobVMNetworkingType='"bridge"')


def test_two_networks_are_refused() -> None:
    with pytest.raises(AuthorizationError, match="vm_networking_type is 'nat, user'"):
        parse(JobVMNetworking="true", JobVMNetworkingType='"nat"', JOBVMNETWORKINGTYPE='"user"')


@pytest.mark.parametrize("name", ["VMPARAM_vm_Disk", "VMPARAM_VM_NAME", "JobVMMemory", "JobVM_VCPUS", "JobVMType"])
def test_attribute_that_is_there_twice_refuses_the_job(name: str) -> None:
    with pytest.raises(ParameterError, match=f"has {name} more than once"):
        parse(**{name.swapcase(): EXAMPLE[name]})


@settings(deadline=None)
@given(st.sampled_from(["VMPARAM_vm_Disk", "VMPARAM_VM_NAME", "JobVM_MACADDR", "JobVMNetworkingType"]), st.text())
def test_refusal_is_one_printable_line_whatever_the_job_has_written(name: str, text: str) -> None:
    try:
        parse(site(DIRS), **{"JobVMNetworking": "true", name: string(text)})
    except StageError as error:
        assert str(error).isprintable()
