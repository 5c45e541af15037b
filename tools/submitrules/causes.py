"""Why no node would let a job in, in words: for each rule its causes, the first that applies is told.

{name} in a message is the value of a macro.
"""

from __future__ import annotations

from typing import NamedTuple

from condor_kvm_stage.genconfig.snippet import start_guard
from condor_kvm_stage.job import FILES_WANTED

from .macros import matches, use


class Cause(NamedTuple):
    """A reason for a refusal."""

    condition: str  # an expression, "" for what always applies: the last cause of each rule
    message: str  # what is wrong, and what to write


_DISK = "vm_disk has '{disk}': "
_AS = "name:device:permission:format, as disk.qcow2:vda:w:qcow2"
_LITERAL = '^"[^"\\\\]*"$'

_DISKS = [
    Cause(f'{use("disks")} == ""', "the job has no disk; write vm_disk = disk.qcow2:vda:w:qcow2"),
    Cause(
        f"!{matches('disks', _LITERAL)}",
        "vm_disk must be written out, not be an expression, without quotation marks and backslashes in it; write "
        + _AS,
    ),
    Cause(
        matches("disk", "://"),
        _DISK + "a URL belongs into transfer_input_files, as nfs:///srv/images/base.qcow2:disk.qcow2; write here the "
        "name after its last colon, as disk.qcow2:vda:w:qcow2",
    ),
    Cause(matches("disk", "^ *$"), "vm_disk has a comma too many, or is empty; write " + _AS),
    Cause(matches("disk", "^[^:]+$"), _DISK + "device and permission are missing; write {disk}:{bus}a:w"),
    Cause(
        matches("disk", "^[^:]+:[^:]+:?$"),
        _DISK + "the permission is missing; write {name}:{device}:w, or r to only read",
    ),
    Cause(
        f"!{matches('disk', '^[^:]+:[^:]+:[^:]+(:[^:]+)?$')}",
        _DISK + "there is a colon too many, or a part is empty; write " + _AS,
    ),
    Cause(
        matches("name", "^/"),
        _DISK
        + "a path is of letters, digits and ._+-, and its files and directories do not begin with a dot; write the "
        "plain name of a file that the job brings (transfer_input_files), or a path that nodes allow (vm.disk_dirs)",
    ),
    Cause(
        matches("name", "/"),
        _DISK + "the job's files lie in one directory, without their paths; write {base}:{device}{rest}",
    ),
    Cause(
        f"!{matches('name', f'^{start_guard.NAME}$')}",
        _DISK
        + "a disk's name is of letters, digits and ._+-, and does not begin with a dot; rename the file (for nfs:// "
        "write another name after the last colon)",
    ),
    Cause(
        matches("device", "^(x?v|s|h)d[a-z][0-9]+$"),
        _DISK + "{device} would be a partition, and a virtual machine gets whole disks; write {name}:{better}{rest}",
    ),
    Cause(matches("device", "^xvd"), _DISK + "{device} is a device of Xen, this is KVM; write {name}:{better}{rest}"),
    Cause(
        f"!{matches('device', '^([sv]d[a-z]{1,2}|hd[a-d])$')}",
        _DISK + "the device must be vda to vdzz, sda to sdzz, or hda to hdd; write {name}:{better}{rest}",
    ),
    Cause(
        f"!{matches('permission', '^(r|w|rw)$')}",
        _DISK + "the permission is '{permission}'; write w, or r to only read, as {name}:{device}:w",
    ),
    Cause(
        f"{matches('disk', ':.*:.*:')} && !{matches('format', f'^{start_guard.FORMAT}$')}",
        _DISK + "the format is '{format}'; it must be raw or qcow2, in small letters. Another one must be converted: "
        "qemu-img convert -O qcow2",
    ),
    Cause(
        f"{matches('name', 'iso')} && {matches('device', '^v')}",
        _DISK + "HTCondor makes a CD-ROM of a file with 'iso' in its name, which cannot be {device}; write "
        "{name}:{better}{rest}, or, if it is a disk, rename it",
    ),
    Cause(
        f"{matches('device', '^h')} && {matches('permission', '^r$')}",
        _DISK + "only a CD-ROM, a file with 'iso' in its name in small letters, can be read-only on {device}; write "
        "{name}:{better}{rest}",
    ),
    Cause(f'{use("twice")} != ""', "vm_disk has the device {twice} twice; write each once"),
    Cause("", "vm_disk must be a list of " + _AS + ", with commas between"),
]

_NETWORK = [
    Cause(
        f'{use("bridge")} != ""',
        "the job names a bridge (VMPARAM_Bridge_Interface), which the node decides; leave it out",
    ),
    Cause(
        f"!{matches('network', '^(.(nat|user|bridge).)?$', 'i')}",
        "vm_networking_type is {network}; write nat, user or bridge, or leave it out",
    ),
    Cause(
        "",
        "vm_macaddr is {mac}; write a unicast address (its second digit is even) that does not begin with fe, as "
        "52:54:00:12:34:56, or leave it out",
    ),
]

_SIZE = [
    Cause(
        f"!{matches('memory', f'^{start_guard.NUMBER}$')}",
        "the memory of the virtual machine is '{memory}'; write request_memory = 2048 (MiB), without vm_memory",
    ),
    Cause(
        f"!{matches('request_memory', f'^({start_guard.NUMBER}|(MY[.])?JobVMMemory)$')}",
        "request_memory is '{request_memory}'; a virtual machine needs a number, as request_memory = 2048 (MiB)",
    ),
    Cause(
        f"!{matches('request_cpus', f'^({start_guard.NUMBER}|(MY[.])?JobVM_VCPUS)$')}",
        "request_cpus is '{request_cpus}'; a virtual machine needs a number, as request_cpus = 2",
    ),
    Cause(
        "",
        "the number of CPUs of the virtual machine is '{vcpus}'; write request_cpus = 2 (1 to 255), without vm_vcpus",
    ),
]
_FITS = [
    Cause(
        "TARGET.JobVMMemory > TARGET.RequestMemory",
        "vm_memory = {memory} is more than request_memory = {request_memory}, and a guest has only what its slot has; "
        "write request_memory = {memory}, without vm_memory",
    ),
    Cause(
        "",
        "vm_vcpus = {vcpus} is more than request_cpus = {request_cpus}, and a guest has only what its slot has; write "
        "request_cpus = {vcpus}, without vm_vcpus",
    ),
]

_FIRMWARE = [
    Cause(
        "",
        'VMPARAM_Firmware is {firmware}; write MY.VMPARAM_Firmware = "uefi" or "bios", with the quotation marks, or '
        "leave it out",
    )
]

_FILES = [
    Cause(
        "",
        f"{FILES_WANTED} is {{files}}; write MY.{FILES_WANTED} = True, without quotation marks, or leave it out",
    )
]

_INTERNALS = [
    Cause(f'{use("type")} == ""', "the job has no vm_type; write vm_type = kvm"),
    Cause(f"!{matches('type', '^.kvm.$')}", "vm_type is {type}; write vm_type = kvm"),
    Cause(
        f'{use("checkpoint")} != "false"',
        "vm_checkpoint is '{checkpoint}'; a checkpoint has a definition of the virtual machine of its own, which no "
        "node takes: write vm_checkpoint = False, or leave it out",
    ),
    Cause(
        f'{use("plugins")} != ""',
        "the job brings file transfer plug-ins (transfer_plugins), which could replace its disks; leave them out",
    ),
    Cause(
        f'{use("precmd")} != ""',
        "the job has a program to run before (PreCmd), which could replace its disks; leave it out",
    ),
    Cause(
        f'{use("vm_name")} != "" || {use("directory")} != ""',
        "the job sets VMPARAM_VM_NAME or VM_WORKING_DIR, which HTCondor itself sets; leave them out",
    ),
    Cause(
        f'{use("intermediate")} != ""', "the job sets TransferIntermediate, which HTCondor itself sets; leave it out"
    ),
    Cause(
        "",
        "the user's name is {user}, and nodes take only letters, digits and ._@+- in it, because the virtual machine "
        "is named after it; submit as another user",
    ),
]

# By the guard's name of the rule, in the order in which HTCondor evaluates them: without vm_type condor_submit ignores
# vm_disk, too
CAUSES = {
    "VmJobSetsNoInternals": _INTERNALS,
    "VmJobDisksAreAllowed": _DISKS,
    "VmJobNetworkIsAllowed": _NETWORK,
    "VmJobSizeIsNumbers": _SIZE,
    start_guard.FITS: _FITS,
    "VmJobFirmwareIsAllowed": _FIRMWARE,
    start_guard.FILES: _FILES,
}
