"""Guests whose definitions are in tests/data/domains: the example's, and one for each thing that can be otherwise."""

from __future__ import annotations

import dataclasses
from typing import Any

from condor_kvm_stage.domain import request
from condor_kvm_stage.domain.disks import DiskFile
from condor_kvm_stage.domain.domain_xml import Guest
from condor_kvm_stage.job import FILES_SOCKET, TERMINAL_PIPE, Job
from support.domain.job_ads import facts, parse, site, string

DIRECTORY = "/var/lib/condor/execute/dir_287"
SHELTER = f"{DIRECTORY}/scratch.condor-kvm-stage"
GROUP = 107  # of QEMU
WHERE = Job(f"{DIRECTORY}/scratch", 1000, 1000, 287, 123456)
CHAIN = (("/srv/images/patched.qcow2", "qcow2"), ("/srv/images/base.qcow2", "qcow2"), ("/srv/images/origin.raw", "raw"))
EVERYTHING = ",".join(
    [
        "disk.qcow2:vda:w:qcow2",
        "data.qcow2:sda:rw",
        "old.raw:hda:w:raw",
        "fixed.raw:vdb:r",
        "seed.iso:hdc:r:raw",
        "/srv/disks/shared.qcow2:vdc:r:qcow2",
        "/srv/disks/alice/own.raw:vdd:w:raw",
    ]
)


def disk_file(disk: request.Disk, **changes: Any) -> DiskFile:
    """A disk as it is found: the job's own in the shelter, and below each overlay a chain of three."""
    own = not disk.name.startswith("/")
    path = f"{SHELTER}/{disk.name}" if own else disk.name
    image_format = "qcow2" if disk.name.endswith("qcow2") else "raw"
    found = DiskFile(disk, path, image_format, own or not disk.readonly, CHAIN if image_format == "qcow2" else ())
    return dataclasses.replace(found, **changes)


def guest(vm_disk: str = "disk.qcow2:vda:w:qcow2", **changes: Any) -> Guest:
    """The example's guest; changes: of the job's attributes (texts), of the node's facts (anything else)."""
    attributes = {name: text for name, text in changes.items() if name[0].isupper()}
    node = facts(**{name: value for name, value in changes.items() if name not in attributes})
    policy = site(["/srv/disks"], vnc=True)
    wanted = parse(policy, node, VMPARAM_vm_Disk=string(vm_disk), **attributes)
    files = tuple(map(disk_file, wanted.disks))
    served = f"{SHELTER}/{FILES_SOCKET}" if wanted.files else ""
    ours = (f"{SHELTER}/.console", f"{SHELTER}/{TERMINAL_PIPE}", f"{SHELTER}/.nvram")
    return Guest(wanted, files, *ours, WHERE, GROUP, node, served)


GUESTS = {
    "example": guest(),
    "everything": guest(
        EVERYTHING,
        JobVMNetworking="true",
        JobVMNetworkingType='"nat"',
        JobVM_MACADDR='"52:54:00:12:34:5F"',
        JobVMMemory="999999999",
        JobVM_VCPUS="255",
        JobVMVNCConsole="true",
        cpu_mode="host-passthrough",
        security_models=["selinux", "dac"],
        VMPARAM_Job_Files="true",
        virtiofsd="/usr/libexec/virtiofsd",
    ),
    "bridge": guest(JobVMNetworking="true", JobVMNetworkingType='"bridge"'),
    "vnc": guest(JobVMVNCConsole="true"),
    "cpu-passthrough-without-features": guest(cpu_mode="host-passthrough", cpu_without=["arch-capabilities", "vmx"]),
    "cpu-unsaid": guest(cpu_mode="", cpu_without=["vmx"]),
    "machine-without-ide": guest("old.raw:hda:w:raw,seed.iso:hdc:r", ide=False),
    "uefi": guest("disk.qcow2:vda:w:qcow2,seed.iso:hdc:r", VMPARAM_Firmware='"uefi"', uefi=True),
    "scsi": guest("a.raw:sdb:w,b.raw:sdzz:w,seed.iso:sda:r,c.raw:vda:w"),
    "no-security-model": guest(security_models=[]),
    "disk-that-does-not-come-back": dataclasses.replace(
        guest(), disks=(disk_file(guest().request.disks[0], is_output=False),)
    ),
}
