"""Jobs' ads as the vm-gahp prints them for the builder, the policy, and what the node has: what the tests vary."""

from __future__ import annotations

from typing import Any

from condor_kvm_stage.domain import job_ad, request
from condor_kvm_stage.domain.request import Request
from condor_kvm_stage.guest_facts import GuestFacts
from condor_kvm_stage.policy.model import Policy

# What HTCondor makes of packaging/vm-job.sub, as far as it is of interest; the last ones are the vm-gahp's own
EXAMPLE = {
    "Args": '""',
    "ClusterId": "1",
    "Cmd": '"my-virtual-machine"',
    "JobUniverse": "13",
    "JobVMCheckpoint": "false",
    "JobVMHardwareVT": "false",
    "JobVMMemory": "64",
    "JobVMNetworking": "false",
    "JobVMType": '"kvm"',
    "JobVMVNCConsole": "false",
    "JobVM_VCPUS": "1",
    "Owner": '"alice"',
    "ProcId": "0",
    "Rank": "0.0",
    "RequestCpus": "1",
    "RequestMemory": "MY.JobVMMemory",
    "Requirements": '(TARGET.Arch == "X86_64") && (TARGET.OpSys == "LINUX") && TARGET.HasVM',
    "TransferInput": '"nfs:///srv/images/base.qcow2:disk.qcow2"',
    "User": '"alice@worker"',
    "VMPARAM_No_Output_VM": "false",
    "VMPARAM_VM_NAME": '"alice_worker_1.0"',
    "VMPARAM_vm_Disk": '"disk.qcow2:vda:w:qcow2"',
    "VM_WORKING_DIR": '"/var/lib/condor/execute/dir_287/scratch"',
    "VMPARAM_Xen_Bootloader": '""',
    "JobVMNetworkingType": '""',
}

# The ad of a slot in which every guest has room
MACHINE_AD = b'Activity = "Idle"\nCpus = 255\nMemory = 999999999\nName = "slot1_1@worker"\n'


def ad_of(**changes: str | None) -> bytes:
    """The example's ad with other expressions for some attributes; None: without it."""
    texts = {**EXAMPLE, **changes}
    lines = [f"{name} = {text}" for name, text in texts.items() if text is not None]
    return "\n".join([*lines, ""]).encode("utf-8", "surrogateescape")


def string(text: str) -> str:
    """A string as HTCondor prints it in the old syntax: what is between the quotes stays as it is, but for quotes."""
    return '"' + text.replace('"', '\\"') + '"'


def site(disk_dirs: list[str] | None = None, vnc: bool = False) -> Policy:
    policy = Policy()
    policy.vm.disk_dirs = disk_dirs or []
    policy.guest.vnc = vnc
    return policy


def facts(**changes: Any) -> GuestFacts:
    """A node that offers all kinds of networks."""
    return GuestFacts(**{"networks": ["nat", "user", "bridge"], "bridge": "br0", **changes})


def parse(policy: Policy | None = None, node: GuestFacts | None = None, /, **changes: str | None) -> Request:
    """What the example asks for, with other expressions for some attributes."""
    return request.parse(job_ad.read(ad_of(**changes)), policy or site(), node or facts())
