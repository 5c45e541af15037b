"""Attacks on the domain builder itself, by what a job's files are, besides those by what its ad says."""

from __future__ import annotations

from e2e.vm_attacks import DISKS, INTERNALS, NETWORK, SIZE, Attack
from testnode import jobs, recipe

HOSTILE = "hostile"  # hostile_job.py's name, among the submitter's files
OTHER = "bob"  # a user whose files the jobs are after
PRIVATE = f"/srv/{OTHER}/private.qcow2"
OPEN = f"/srv/{OTHER}/open.qcow2"  # everybody may write to it
LINKED = f"/srv/{OTHER}/linked.qcow2"  # as private, but the test itself makes links of it
ELSEWHERE = "/srv/elsewhere/image.qcow2"  # readable by all, in no directory for images
OWN = f"/home/{recipe.USER}/own.qcow2"
# Stands for a line break where HTCondor would not let one pass: see newlines.sh
NEWLINE = "<newline>"
MARK = f"x'\"/><source file='{PRIVATE}'/><x y='&<>\\n]]>"
BASE = f"nfs://{jobs.BASE}:disk.qcow2"


def _plugin(*actions: str, more: str = "") -> str:
    """Lines of a submit file for a job that brings a plug-in, which HTCondor runs among the others."""
    urls = ", ".join([f"{HOSTILE}://{action}" for action in actions] + ([more] if more else []))
    return f"transfer_plugins = {HOSTILE}={HOSTILE}\ntransfer_input_files = {urls}"


def _before(words: str, inputs: str = BASE) -> str:
    """Lines of a submit file for a job that runs a program when its files are there, and the hook has seen them."""
    return f'transfer_input_files = {inputs}, {HOSTILE}\n+PreCmd = "{HOSTILE}"\n+PreArguments = "{words}"'


def brought(name: str) -> str:
    """Lines of a submit file for a job whose disk HTCondor itself transfers."""
    return f"transfer_input_files = {name}\nvm_disk = {name}:vda:w:qcow2"


def _string(text: str) -> str:
    """Return a ClassAd string in the old syntax, in which a backslash stands for itself."""
    return '"' + text.replace('"', r"\"") + '"'


def _set(condition: str, attribute: str, text: str, refusal: str, lines: str = "") -> Attack:
    return Attack(condition, lines, {attribute: _string(text)}, refusal)


_SYMLINK = "disk disk.qcow2 is a symlink"
_OTHERS = "disk disk.qcow2 belongs to another user"
_NAMES = r"disk disk.qcow2 has 2 names \(hard links\)"
_SHADOW = "backing file /etc/shadow of .* is outside the directories for images"
_CONSOLE = "the job brings a file console.log"
_TWICE = "the job's ad has {} more than once"
LINKS = {
    "symlink to the shadow file": Attack(INTERNALS, _plugin("link/disk.qcow2/etc/shadow"), refusal=_SYMLINK),
    "symlink to another user's file": Attack(INTERNALS, _plugin(f"link/disk.qcow2{OPEN}"), refusal=_SYMLINK),
    "hard link to another user's file": Attack(INTERNALS, _plugin(f"hard/disk.qcow2{OPEN}"), refusal=_OTHERS),
    "hard link to a file of his own": Attack(INTERNALS, _plugin(f"hard/disk.qcow2{OWN}"), refusal=_NAMES),
    # the kernel does not let the user make it (fs.protected_hardlinks); the test does, as root
    "hard link to another user's private file": Attack(INTERNALS, _plugin("wait/disk.qcow2/nothing"), refusal=_OTHERS),
    "symlink as the console": Attack(INTERNALS, _plugin("link/console.log/etc/shadow", more=BASE), refusal=_CONSOLE),
    "console brought along": Attack("", f"transfer_input_files = {BASE}, console.log", refusal=_CONSOLE),
}
IMAGES = {
    "backing file is the shadow file": Attack("", brought("shadow.qcow2"), refusal=_SHADOW),
    "backing file is outside": Attack(
        "",
        brought("outside.qcow2"),
        refusal=f"backing file {ELSEWHERE} of .* is outside the directories for images",
    ),
    "data file": Attack("", brought("data.qcow2"), refusal="disk data.qcow2 keeps its data in another file"),
    "hook that is none": Attack("", f'{brought("shadow.qcow2")}\n+HookKeyword = "NONE"', refusal=_SHADOW),
}
# These happen between the hook and the builder
BEHIND_THE_HOOK = {
    "symlink at last": Attack(INTERNALS, _before("link disk.qcow2 /etc/shadow"), refusal=_SYMLINK),
    "header rewritten": Attack(INTERNALS, _before("rewrite disk.qcow2 /etc/shadow"), refusal=_SHADOW),
    "symlink as the console at last": Attack(INTERNALS, _before("link console.log /etc/shadow"), refusal=_CONSOLE),
}
MARKUP = {
    "markup in vm_disk": _set(DISKS, "VMPARAM_vm_Disk", f"{MARK}:vda:w:qcow2", "plain string|the file must be one"),
    # without request_memory no slot would be large enough
    "markup in vm_memory": _set(SIZE, "JobVMMemory", MARK, "the job's JobVMMemory is", lines="request_memory = 64"),
    "markup in vm_vcpus": _set(SIZE, "JobVM_VCPUS", MARK, "the job's JobVM_VCPUS is"),
    "markup in vm_type": _set(INTERNALS, "JobVMType", MARK, "JobVMType"),
    "markup in vm_checkpoint": _set(INTERNALS, "JobVMCheckpoint", MARK, "the job's JobVMCheckpoint is"),
    "markup in vm_networking": _set("", "JobVMNetworking", MARK, "the job's JobVMNetworking is"),
    "markup in vm_vnc": _set("", "JobVMVNCConsole", MARK, "the job's JobVMVNCConsole is"),
    "markup in vm_macaddr": _set(NETWORK, "JobVM_MACADDR", MARK, "the job's JobVM_MACADDR is"),
    "markup in what is not read": Attack(
        NETWORK,
        edits={
            name: _string(MARK)
            for name in (
                *("VMPARAM_No_Output_VM", "VMPARAM_Xen_Kernel", "VMPARAM_Xen_Bootloader"),
                *("VMPARAM_Xen_Initrd", "VMPARAM_Xen_Root", "VMPARAM_Xen_Kernel_Params", "JobVMHardwareVT", "Foo"),
                *("JobVMNetworkingType", "Cmd", "Arguments"),
            )
        },
    ),
}
NEWLINES = {
    "line break in vm_disk": _set(
        DISKS, "VMPARAM_vm_Disk", f"disk.qcow2:vda:w:qcow2{NEWLINE}Foo = 1", "VMPARAM_vm_Disk is"
    ),
    "line break and a disk": _set(
        "", "VMPARAM_Foo", f'x{NEWLINE}VMPARAM_vm_Disk = "/etc/shadow:vda:r:raw"', _TWICE.format("VMPARAM_vm_Disk")
    ),
    "line break and CPUs": _set("", "VMPARAM_Foo", f"x{NEWLINE}JobVM_VCPUS = 255", _TWICE.format("JobVM_VCPUS")),
    "line break and a directory": _set("", "VMPARAM_Foo", f'x{NEWLINE}VM_WORKING_DIR = "/etc"', ""),
}
