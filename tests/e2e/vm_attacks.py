"""Jobs that reach for what is not theirs through what they say of their virtual machine, by names of the attempts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from condor_kvm_stage.genconfig.snippet import start_guard
from testnode import jobs, pool, recipe
from testnode.node import Node

MARKUP = "1</vcpu><devices><disk type='file'><source file='/etc/shadow'/><target dev='vdz'/></disk></devices><vcpu>1"


@dataclass(frozen=True)
class Attack:
    """A change to the example's job. lines: of its submit file. edits: what condor_qedit does to it afterwards.

    condition: of START, which keeps it out; "" if none does. refusal: a regular expression for what is said against it
    where START lets it in; "" if its guest runs, because nobody looks at what it sets.
    """

    condition: str
    lines: str = ""
    edits: dict[str, str] = field(default_factory=dict)
    refusal: str = ""


DISKS, NETWORK, SIZE, FITS, FIRMWARE, FILES, INTERNALS, _ = start_guard.attributes([])
_NO_FILE = "the file must be one that the job has brought"
_NO_NUMBER = "it must be a whole number, written out"
_NO_STRING = "it must be a plain string, written out"
_NO_NETWORK = "this node offers none"  # what is said where a node has none
ATTACKS = {
    "second disk": Attack(DISKS, "vm_disk = disk.qcow2:vda:w:qcow2,/etc/shadow:vdb:r:raw", refusal=_NO_FILE),
    "absolute path": Attack(DISKS, "vm_disk = /etc/shadow:vda:r:raw", refusal=_NO_FILE),
    "upwards": Attack(DISKS, "vm_disk = ../../../../../../etc/shadow:vda:r:raw", refusal=_NO_FILE),
    "expression": Attack(
        DISKS,
        edits={"VMPARAM_vm_Disk": 'ifThenElse(true, "disk.qcow2:vda:w:qcow2", "/etc/shadow:vdb:r:raw")'},
        refusal=_NO_STRING,
    ),
    "disk in other letters": Attack(DISKS, '+vmparam_VM_DISK = "/etc/gshadow:vda:r:raw"', refusal=_NO_FILE),
    "another universe": Attack(
        DISKS,
        "vm_disk = /etc/shadow:vda:r:raw\n+JobUniverse = ifThenElse(isUndefined(TARGET.VmJobRules), 13, 5)",
        refusal=f"{_NO_NUMBER}|{_NO_FILE}",
    ),
    "MAC address": Attack(
        NETWORK,
        "vm_networking = True\nvm_macaddr = 52:54:00:00:00:01'/><source network='default'/><mac address='",
        refusal=f"write a unicast address|{_NO_NETWORK}",
    ),
    "network's type": Attack(
        NETWORK,
        "vm_networking = True\nvm_networking_type = nat'/><disk type='file'/>",
        refusal=f"vm_networking_type is 'nat'/><disk type='file'/>'|{_NO_NETWORK}",
    ),
    "bridge": Attack(
        NETWORK, "+VMPARAM_Bridge_Interface = \"br0'/><disk type='file'/>\"", refusal="the job names the bridge"
    ),
    "more CPUs than the slot": Attack(FITS, "vm_vcpus = 2", refusal="the job's slot has 1; write request_cpus = 2"),
    "more memory than the slot": Attack(
        FITS, "vm_memory = 512", refusal="the job's slot has [0-9]+; write request_memory"
    ),
    "CPUs": Attack(SIZE, edits={"JobVM_VCPUS": f'"{MARKUP}"'}, refusal=_NO_NUMBER),
    "CPUs requested": Attack(SIZE, f'request_cpus = 1 + 0 * size("{MARKUP}")'),
    "memory": Attack(SIZE, edits={"JobVMMemory": f'ifThenElse(true, 64, "{MARKUP}")'}, refusal=_NO_NUMBER),
    "firmware of its own": Attack(
        FIRMWARE, '+VMPARAM_Firmware = "/home/alice/code.fd"', refusal="VMPARAM_Firmware is '/home/alice/code.fd'"
    ),
    "directory": Attack(
        INTERNALS,
        '+VM_WORKING_DIR = "/etc"\nvm_disk = shadow:vda:r:raw',
        refusal="there is no disk shadow in the scratch directory",
    ),
    "name": Attack(INTERNALS, f'+VMPARAM_VM_NAME = "{MARKUP}"', refusal="is not a valid name for a virtual machine"),
    "type": Attack(INTERNALS, edits={"JobVMType": 'ifThenElse(true, "kvm", "xen")'}, refusal=_NO_STRING),
    "checkpoint": Attack(
        INTERNALS, '+TransferIntermediate = "xen_vm.config,xen.mem.ckpt"', refusal="the job wants checkpoints"
    ),
    "plug-in of its own": Attack(INTERNALS, '+TransferPlugins = "link=/bin/true"'),
}


def submit(node: Node, name: str, attack: Attack, more: str = "") -> int:
    """Submit the example's job, changed, on hold. more: further lines. See release()."""
    # what is first in a submit file does not count where it is said again
    description = jobs.VM_JOB.replace("queue", f"{attack.lines}\n{more}\nhold = True\nqueue")
    description = description.replace(f"log = {jobs.VM_JOB_LOG}", "")
    cluster = pool.submit(node, f"{name}.sub", description)
    for attribute, expression in attack.edits.items():
        node.run(["condor_qedit", str(cluster), attribute, expression], user=recipe.USER)
    return cluster


def release(node: Node, clusters: Iterable[int]) -> None:
    """Let jobs start, with requirements that do not keep them out themselves."""
    words = [str(cluster) for cluster in clusters]
    all_of_them = f"member(ClusterId, {{ {', '.join(words)} }})"
    node.run(["condor_qedit", "-constraint", all_of_them, "Requirements", "true"], user=recipe.USER)
    node.run(["condor_release", *words])
