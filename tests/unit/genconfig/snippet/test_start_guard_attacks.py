"""The conditions for VM jobs reject each known attack, each by the condition that is meant for it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from support.vm_job_ads import (
    DISKS,
    FILES,
    FIRMWARE,
    FITS,
    INTERNALS,
    MARKUP,
    NETWORK,
    SIZE,
    SLOT_WITH_DIRS,
    failed,
    is_let_in,
    job,
    string,
)

pytestmark = pytest.mark.needs_classad2

ATTACKS: list[tuple[str, Mapping[str, str | None]]] = [
    *[
        (DISKS, {"VMPARAM_vm_Disk": string(disks)})
        for disks in [
            # other files of the node
            "/etc/shadow:vda:r:raw",
            "disk.qcow2:vda:w:qcow2,/etc/shadow:vdb:r:raw",
            "../../../etc/shadow:vda:r:raw",
            "..:vda:r",
            ".hidden:vda:r",
            "dir/disk:vda:w",
            "/srv/disks/../../etc/shadow:vda:r",
            "/srv/disks:vda:r",
            "/srv/disks/:vda:r",
            "/srv/disksx/a:vda:r",
            "/srv/disks//a:vda:r",
            "/srv/aXb+c/d:vda:w",
            "/srv/a.bbc/d:vda:w",
            "nbd://host/export:vda:w",
            # formats that name other files, and XML
            "disk:vda:w:vmdk",
            "disk:vda:w:raw'/><source file='/etc/shadow",
            "disk'/><source file='/etc/shadow:vda:w",
            "disk:vda'/>:w",
            "disk:vda:w&amp;",
            # what HTCondor would read otherwise than it is read here
            "disk:vda:w:qcow2:raw",
            "disk:vda",
            "disk:vda:w,",
            "disk:vda:w,,disk:vdb:w",
            "disk:vda:w;disk:vdb:w",
            "disk:vda:w\n",
            "disk:vda:w\n,/etc/shadow:vdb:r",
            "disk:vda:w\t,b:vdb:r",
            " disk:vda:w",
            "disk:vda:w ",
            'disk:vda:w",/etc/shadow:vdb:r,"',
            "disk:vda:w\\",
            "$$(Disk):vda:w",
            "",
            # what libvirt would refuse
            "a:vda:w,b:vda:r",
            "disk:xvda:w",
            "disk:fda:w",
            "disk:hde:w",
            "disk:hda:r",
            "comparison.qcow2:vda:w:qcow2",
        ]
    ],
    *[
        (DISKS, {"VMPARAM_vm_Disk": text})
        for text in [
            'ifThenElse(true, "disk.qcow2:vda:w:qcow2", "/etc/shadow:vdb:r:raw")',
            'strcat("disk.qcow2", ":vda:w:qcow2")',
            'MY.Other ?: "disk.qcow2:vda:w:qcow2"',
            '{ "disk.qcow2:vda:w:qcow2" }',
            '[ a = "disk.qcow2:vda:w:qcow2" ]',
            "13",
            "undefined",
            "error",
        ]
    ],
    (DISKS, {"VMPARAM_vm_Disk": None}),
    (DISKS, {"VMPARAM_vm_Disk": None, "vmparam_VM_DISK": string("/etc/shadow:vda:r")}),
    *[
        (NETWORK, {"JobVM_MACADDR": string(address)})
        for address in [
            "52:54:00:00:00:01'/><source file='/etc/shadow",
            "52:54:00:00:00:01\n",
            "53:54:00:00:00:01",
            "ff:ff:ff:ff:ff:ff",
            "FE:54:00:00:00:01",
            "52:54:00:00:00",
            "52-54-00-00-00-01",
            "",
        ]
    ],
    (NETWORK, {"JobVM_MACADDR": "undefined"}),
    (NETWORK, {"JobVM_MACADDR": 'strcat("52:54:00:00:00:01")'}),
    (NETWORK, {"jobvm_macaddr": string("<")}),
    (NETWORK, {"JobVMNetworkingType": string("nat'/>")}),
    (NETWORK, {"JobVMNetworkingType": string("bridge'/>")}),
    (NETWORK, {"JobVMNetworkingType": string("nat\n")}),
    (NETWORK, {"JobVMNetworkingType": 'ifThenElse(true, "nat", "bridge")'}),
    (NETWORK, {"VMPARAM_Bridge_Interface": string("br0'/>")}),
    (NETWORK, {"vmparam_bridge_interface": "undefined"}),
    *[
        (SIZE, {name: text})
        for name in ("JobVM_VCPUS", "JobVMMemory", "RequestCpus", "RequestMemory")
        for text in [
            *["0", "-1", "1.5", "1e3", "true", "undefined", "1 + 1", "1000000000", "{ 1 }", "[ a = 1 ]", string("1")],
            string(MARKUP),
            f"ifThenElse(true, 1, {string(MARKUP)})",
        ]
    ],
    (SIZE, {"JobVM_VCPUS": "256"}),
    (SIZE, {"JobVM_VCPUS": None}),
    (SIZE, {"JobVMMemory": None}),
    # awk takes these names for others, and so RequestCpus
    (SIZE, {"JobVM_VCPUS": None, "jobvm_vcpus": "1", "RequestCpus": f"1 + 0 * size({string(MARKUP)})"}),
    (FITS, {"JobVM_VCPUS": "2"}),
    (FITS, {"JobVM_VCPUS": "255", "RequestCpus": "254"}),
    (FITS, {"RequestMemory": "63"}),
    (FITS, {"JobVMMemory": "4096", "RequestMemory": "64"}),
    (FITS, {"Memory": "9999", "Cpus": "99", "JobVM_VCPUS": "2"}),
    *[
        (FIRMWARE, {"VMPARAM_Firmware": text})
        for text in [string("efi"), string("uefi'/><x y='"), string(""), 'strcat("u", "efi")', "undefined", "1"]
    ],
    (FIRMWARE, {"vmparam_firmware": string("/srv/alice/code.fd")}),
    *[(FILES, {"VMPARAM_Job_Files": text}) for text in [string("true"), "1", "undefined", "true || false"]],
    (INTERNALS, {"JobVMType": string("xen")}),
    (INTERNALS, {"JobVMType": string("kvm xen")}),
    (INTERNALS, {"JobVMType": 'ifThenElse(true, "kvm", "xen")'}),
    (INTERNALS, {"JobVMType": None}),
    (INTERNALS, {"User": string("alice</name><name>")}),
    (INTERNALS, {"User": None}),
    (INTERNALS, {"JobVMCheckpoint": "true"}),
    (INTERNALS, {"JobVMCheckpoint": None}),
    *[
        (INTERNALS, {name: text})
        for name in ("VM_WORKING_DIR", "VMPARAM_VM_NAME", "TransferIntermediate", "TransferPlugins", "PreCmd")
        for text in [string("/etc"), string(""), "undefined", "1"]
    ],
    (INTERNALS, {"vm_working_dir": string("/etc")}),
    # an ad of its own in the place that the conditions look at
    (DISKS, {"TARGET": "[ JobUniverse = 5 ]", "VMPARAM_vm_Disk": string("/etc/shadow:vda:r")}),
    (DISKS, {"VmJobDisksAreAllowed": "true", "VMPARAM_vm_Disk": string("/etc/shadow:vda:r")}),
]


@pytest.mark.parametrize(("condition", "changes"), ATTACKS)
def test_attack_is_kept_out_by_the_condition_that_names_it(condition: str, changes: Mapping[str, str | None]) -> None:
    # a size that is no number does not fit, either
    also = {FITS} if condition == SIZE else set()
    assert failed(job(**changes), SLOT_WITH_DIRS) - also == {condition}
    assert not is_let_in(job(**changes), SLOT_WITH_DIRS)
