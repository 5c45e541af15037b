"""Which VM jobs a node lets in: expressions over the job's attributes, for START. Pure: directories in, text out.

HTCondor pastes job attributes into the domain's XML as they are written, libvirt acts on that as root: whoever may
write what he likes there can attach any file of the node. What is read is the text of each attribute, not its value:
`ifThenElse(…)` has a value that looks well and a text that does not (HTCondor's libvirt_simple_script.awk sees the
text, its vm-gahp the value; startd and negotiator decide by what is here). Text that libvirt would refuse is kept out,
too: a domain that does not start costs the whole node its VM universe, and then the next node that the job goes to.

What is in the files themselves is not seen here, nor who can replace them: a qcow2 file that the job brings along can
have any file of the node as its backing file.
"""

from __future__ import annotations

_NAME = "[A-Za-z0-9_+-][A-Za-z0-9._+-]*"
# Other formats of QEMU's can name further files of the host
_FORMAT = "(raw|qcow2)"
# HTCondor makes a CD of a file with this in its name, and libvirt knows neither virtio CDs nor read-only IDE disks
_CD = "[^:,]*iso"
_DISK_DEVICE = "([sv]d[a-z]{1,2}:(r|w|rw)|hd[a-d]:(w|rw))"
_CD_DEVICE = "(sd[a-z]{1,2}|hd[a-d]):(r|w|rw)"
_DEVICE_TWICE = ".*:(?P<device>[hsv]d[a-z]+):.*:(?P=device):"
# libvirt refuses multicast addresses (an odd first byte), and fe, which the host's end of the interface has
_MAC = "(?!fe)[0-9a-f][02468ace](:[0-9a-f]{2}){5}"
_NUMBER = "[1-9][0-9]{0,8}"
# QEMU's limit is 255 or above; libvirt does not answer any more after some millions
_VCPUS = "[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5]"

RULES = (
    "vm_disk: name:device:permission[:format] with files of the job itself, plain names, raw or qcow2, devices vd?, "
    "sd?, hda to hdd, each once, no iso in the name on vd?, not hd? with r; vm_macaddr: unicast, not fe:; "
    "vm_networking_type: nat, user or bridge; vm_memory, vm_vcpus, request_cpus, request_memory: numbers; no "
    "vm_checkpoint, no transfer_plugins, no other attributes that reach the virtual machine's definition"
)


def attributes(disk_dirs: list[str]) -> dict[str, str]:
    """Return the expressions, by the slot attribute that each becomes; their names are what a user sees in
    `condor_q -better-analyze -reverse`. disk_dirs: where vm_disk may name files by absolute paths.
    """
    return {
        "VmJobDisksAreAllowed": _is_text("VMPARAM_vm_Disk", _disks(disk_dirs)),
        "VmJobNetworkIsAllowed": " && ".join(
            [
                _is_text_or_missing("JobVM_MACADDR", _MAC),
                # In small letters: the name gets into the job's AutoClusterAttrs, where the vm-gahp, which looks for
                # it in the whole text of the ad, would take it for the attribute, and so not add the default
                _is_text_or_missing("jobvmnetworkingtype", "nat|user|bridge"),
                _is_missing("VMPARAM_Bridge_Interface"),
            ]
        ),
        # RequestCpus and RequestMemory stand in for the others where these are written in other letters, as
        # jobvm_vcpus: to the script, which is awk, that is another attribute
        "VmJobSizeIsNumbers": " && ".join(
            [
                _matches("JobVMMemory", _NUMBER),
                _matches("RequestMemory", f"{_NUMBER}|(MY[.])?JobVMMemory"),
                _matches("JobVM_VCPUS", _VCPUS),
                _matches("RequestCpus", f"{_NUMBER}|(MY[.])?JobVM_VCPUS"),
            ]
        ),
        "VmJobSetsNoInternals": " && ".join(
            [
                _is_text("JobVMType", "kvm"),
                # What the domain's name is made of, and that name; the directory that disks' names are taken from
                _is_text("User", "[A-Za-z0-9._@+-]+"),
                _is_missing("VMPARAM_VM_NAME"),
                _is_missing("VM_WORKING_DIR"),
                # A job that goes on from a checkpoint brings along the whole definition of its virtual machine
                _matches("JobVMCheckpoint", "false"),
                _is_missing("TransferIntermediate"),
                # Programs of the job's that run on the node beforehand could make a disk a link to another file
                _is_missing("TransferPlugins"),
                _is_missing("PreCmd"),
            ]
        ),
    }


def start(names: list[str]) -> str:
    """Return the condition of START that lets in a VM job (universe 13) if all these attributes hold for it."""
    # MY., because in place of an attribute that the slot has not HTCondor would take the job's. A universe that is no
    # number could be another one here than where the job starts. VmJobRules is named so that -better-analyze shows it.
    demanded = " && ".join(f"MY.{name}" for name in names)
    other_universe = _matches("JobUniverse", "(?!13$)[1-9][0-9]*")
    return f"({other_universe} || ({demanded} && isString(MY.VmJobRules)))"


def _disks(disk_dirs: list[str]) -> str:
    """A pattern for vm_disk. No component of a path begins with a dot, so that none is `..`."""
    under = [directory.replace(".", "[.]").replace("+", "[+]") + f"(/{_NAME})+" for directory in disk_dirs]
    name = "(" + "|".join([_NAME, *under]) + ")"
    disk = f"((?!{_CD}){name}:{_DISK_DEVICE}|(?={_CD}){name}:{_CD_DEVICE})(:{_FORMAT})?"
    return f"(?!{_DEVICE_TWICE}){disk}( *, *{disk})*"


def _text(attribute: str) -> str:
    """The job's attribute as it is written, "" if it has none. unparse() looks into the ad in whose context it is."""
    return f"evalInEachContext(unparse({attribute}), {{TARGET}})[0]"


def _matches(attribute: str, pattern: str) -> str:
    return f'regexp("^({pattern})$", {_text(attribute)})'


def _is_text(attribute: str, pattern: str) -> str:
    """A string that is written out, and matches."""
    return f'regexp("^\\"({pattern})\\"$", {_text(attribute)})'


def _is_text_or_missing(attribute: str, pattern: str) -> str:
    """The same, in any case of letters; or there is no such attribute."""
    return f'regexp("^(\\"({pattern})\\")?$", {_text(attribute)}, "i")'


def _is_missing(attribute: str) -> str:
    return f'{_text(attribute)} == ""'
