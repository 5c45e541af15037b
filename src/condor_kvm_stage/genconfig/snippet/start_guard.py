"""Which VM jobs may start on a node: expressions over job attributes, for START. Pure: directories in, text out.

HTCondor copies job attributes unescaped into the domain XML, and libvirt acts on that as root: a job that controls
their text could attach any file of the node. These expressions therefore match the text of each attribute, not its
value: the value of `ifThenElse(…)` may be harmless when its text is not. (HTCondor's libvirt_simple_script.awk uses
the text, its vm-gahp the value; startd and negotiator evaluate these expressions.) They also reject text that libvirt
would refuse: a domain that does not start disables VM universe on the node, then on the next one that the job goes to.

These expressions do not see what is in the files, nor who can replace them: a qcow2 file of the job can have any file
of the node as its backing file.
"""

from __future__ import annotations

from ...job import FILES_WANTED

FITS = "VmJobFitsItsSlot"
FILES = "VmJobFilesArePossible"
NAME = "[A-Za-z0-9_+-][A-Za-z0-9._+-]*"
# Other QEMU formats can refer to further files of the host
FORMAT = "(raw|qcow2)"
# HTCondor attaches a file with this in its name as a CD; libvirt supports neither virtio CDs nor read-only IDE disks
_CD = "[^:,]*iso"
_DISK_DEVICE = "([sv]d[a-z]{1,2}:(r|w|rw)|hd[a-d]:(w|rw))"
_CD_DEVICE = "(sd[a-z]{1,2}|hd[a-d]):(r|w|rw)"
DEVICE_TWICE = ".*:(?P<device>[hsv]d[a-z]+):.*:(?P=device):"
# libvirt refuses multicast addresses (an odd first byte), and fe, which it uses for the host's side
_MAC = "(?!fe)[0-9a-f][02468ace](:[0-9a-f]{2}){5}"
NUMBER = "[1-9][0-9]{0,8}"
# QEMU's limit is at least 255; libvirt stops answering at some millions
_VCPUS = "[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5]"

RULES = (
    "vm_disk: name:device:permission[:format] with files of the job itself, plain names, raw or qcow2, devices vd?, "
    "sd?, hda to hdd, each once, no iso in the name on vd?, not hd? with r; vm_macaddr: unicast, not fe:; "
    "vm_networking_type: nat, user or bridge; vm_memory, vm_vcpus, request_cpus, request_memory: numbers, vm_memory "
    "not above request_memory, vm_vcpus not above request_cpus; VMPARAM_Firmware: bios or uefi; VMPARAM_Job_Files: "
    "true or false, and the node has virtiofsd; no vm_checkpoint, no transfer_plugins, no other attributes that reach "
    "the virtual machine's definition"
)


def attributes(disk_dirs: list[str]) -> dict[str, str]:
    """Return the expressions by slot attribute. Users see these names in `condor_q -better-analyze -reverse`.

    disk_dirs: directories whose files vm_disk may name, by absolute paths.
    """
    expressions = form([directory.replace(".", "[.]").replace("+", "[+]") for directory in disk_dirs])
    # The slot, too: a job's own Requirements can leave out that its request fits, and a slot that was made for an
    # earlier job is not made again; the startd evaluates this again, for the job's slot, when the job starts.
    expressions[FITS] += " && TARGET.JobVMMemory <= MY.Memory && TARGET.JobVM_VCPUS <= MY.Cpus"
    # Undefined if the node does not watch itself
    expressions[FILES] += f" && (TARGET.{FILES_WANTED} =!= true || MY.KvmStageJobFiles =!= false)"
    return expressions


def form(disk_dirs: list[str]) -> dict[str, str]:
    """Return what of these expressions depends on the job alone, under the same names.

    disk_dirs: patterns of the directories.
    """
    return {
        "VmJobDisksAreAllowed": _is_text("VMPARAM_vm_Disk", disks(disk_dirs)),
        "VmJobNetworkIsAllowed": " && ".join(
            [
                _is_text_or_missing("JobVM_MACADDR", _MAC),
                # In lower case: the name gets into the job's AutoClusterAttrs. The vm-gahp searches the whole text of
                # the ad for the attribute's name, would find it there, and not add the default
                _is_text_or_missing("jobvmnetworkingtype", "nat|user|bridge"),
                _is_missing("VMPARAM_Bridge_Interface"),
            ]
        ),
        # RequestCpus and RequestMemory are used instead of the others if those are in another case, such as
        # jobvm_vcpus: the awk script is case-sensitive
        "VmJobSizeIsNumbers": " && ".join(
            [
                _matches("JobVMMemory", NUMBER),
                _matches("RequestMemory", f"{NUMBER}|(MY[.])?JobVMMemory"),
                _matches("JobVM_VCPUS", _VCPUS),
                _matches("RequestCpus", f"{NUMBER}|(MY[.])?JobVM_VCPUS"),
            ]
        ),
        # A guest is in libvirt's control group, not in its slot's, so nothing else limits what it uses. The request,
        # because a partitionable slot makes the job's slot of it.
        FITS: "TARGET.JobVMMemory <= TARGET.RequestMemory && TARGET.JobVM_VCPUS <= TARGET.RequestCpus",
        "VmJobFirmwareIsAllowed": _is_text_or_missing("VMPARAM_Firmware", "bios|uefi"),
        FILES: _matches(FILES_WANTED, "|true|false"),
        "VmJobSetsNoInternals": " && ".join(
            [
                _is_text("JobVMType", "kvm"),
                # What the domain's name is made from, and that name; the directory that disk names are relative to
                _is_text("User", "[A-Za-z0-9._@+-]+"),
                _is_missing("VMPARAM_VM_NAME"),
                _is_missing("VM_WORKING_DIR"),
                # A job that resumes from a checkpoint brings the complete definition of its virtual machine
                _matches("JobVMCheckpoint", "false"),
                _is_missing("TransferIntermediate"),
                # Programs of the job that run on the node before could replace a disk by a symbolic link
                _is_missing("TransferPlugins"),
                _is_missing("PreCmd"),
            ]
        ),
        # Not about the job: KvmStageHealthy is undefined if the node does not watch itself. -better-analyze shows only
        # conditions that refer to the job, and only attributes that they refer to; every job has a universe
        "VmJobNodeIsHealthy": " || ".join(
            ["MY.KvmStageHealthy =!= false", "(TARGET.JobUniverse =?= undefined && isString(MY.KvmStageReason))"]
        ),
    }


def start(names: list[str]) -> str:
    """Return the condition for START: a VM job (universe 13) may start only if all these attributes are true for it."""
    # MY., because without it HTCondor would use the job's attribute if the slot has none. A universe that is an
    # expression could have another value when the job starts. VmJobRules is there so that -better-analyze shows it.
    required = " && ".join(f"MY.{name}" for name in names)
    other_universe = _matches("JobUniverse", "(?!13$)[1-9][0-9]*")
    return f"({other_universe} || ({required} && isString(MY.VmJobRules)))"


def disks(disk_dirs: list[str]) -> str:
    """A pattern for vm_disk. disk_dirs: patterns of directories."""
    one = disk(disk_dirs)
    return f"(?!{DEVICE_TWICE}){one}( *, *{one})*"


def disk(disk_dirs: list[str]) -> str:
    """A pattern for one disk of vm_disk. No component of a path begins with a dot, which excludes `..`."""
    name = "(" + "|".join([NAME, *(f"{directory}(/{NAME})+" for directory in disk_dirs)]) + ")"
    return f"((?!{_CD}){name}:{_DISK_DEVICE}|(?={_CD}){name}:{_CD_DEVICE})(:{FORMAT})?"


def text(attribute: str) -> str:
    """The unevaluated text of the job's attribute, "" if it has none. unparse() uses the ad of its context."""
    return f"evalInEachContext(unparse({attribute}), {{TARGET}})[0]"


def _matches(attribute: str, pattern: str) -> str:
    return f'regexp("^({pattern})$", {text(attribute)})'


def _is_text(attribute: str, pattern: str) -> str:
    """A string literal that matches."""
    return f'regexp("^\\"({pattern})\\"$", {text(attribute)})'


def _is_text_or_missing(attribute: str, pattern: str) -> str:
    """A string literal that matches, ignoring case; or no such attribute."""
    return f'regexp("^(\\"({pattern})\\")?$", {text(attribute)}, "i")'


def _is_missing(attribute: str) -> str:
    return f'{text(attribute)} == ""'
