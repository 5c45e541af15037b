"""VM jobs and a slot as HTCondor's own ClassAd library has them: which jobs the guard lets in, and by what it fails."""

from __future__ import annotations

import classad2

from condor_kvm_stage.genconfig.snippet import start_guard

DISKS, NETWORK, SIZE, FITS, FIRMWARE, FILES, INTERNALS = (
    "VmJobDisksAreAllowed",
    "VmJobNetworkIsAllowed",
    "VmJobSizeIsNumbers",
    "VmJobFitsItsSlot",
    "VmJobFirmwareIsAllowed",
    "VmJobFilesArePossible",
    "VmJobSetsNoInternals",
)
DIRS = ["/srv/disks", "/srv/a.b+c"]
# What condor_submit makes of packaging/vm-job.sub, as far as it is of VM universe
SUBMITTED = {
    "JobUniverse": "13",
    "JobVMCheckpoint": "false",
    "JobVMMemory": "64",
    "JobVMNetworking": "false",
    "JobVMType": '"kvm"',
    "JobVMVNCConsole": "false",
    "JobVM_VCPUS": "1",
    "RequestCpus": "1",
    "RequestMemory": "MY.JobVMMemory",
    "Requirements": "TARGET.HasVM =?= true",
    "TransferInput": '"nfs:///srv/images/base.qcow2:disk.qcow2"',
    "User": '"alice@worker"',
    "VMPARAM_No_Output_VM": "false",
    "VMPARAM_vm_Disk": '"disk.qcow2:vda:w:qcow2"',
}
MARKUP = "1</vcpu><devices><disk type='file'><source file='/etc/shadow'/></disk></devices><vcpu>1"


def string(text: str) -> str:
    """The text as an expression: a string that is written out."""
    quoted: str = classad2.quote(text)
    return quoted


def slot(disk_dirs: list[str] | None = None, memory: int = 999_999_999, cpus: int = 255) -> classad2.ClassAd:
    """A slot as HTCondor makes it of the snippet."""
    conditions = start_guard.attributes(disk_dirs or [])
    lines = [
        "HasVM = true",
        f"Memory = {memory}",
        f"Cpus = {cpus}",
        f"VmJobRules = {string(start_guard.RULES)}",
        f"Requirements = {start_guard.start(list(conditions))}",
    ]
    lines += [f"{name} = {expression}" for name, expression in conditions.items()]
    return classad2.parseOne("\n".join(lines), parser=classad2.Parser.Old)


classad2.parseOne("First = true")  # what is parsed later knows HTCondor's own functions, as evalInEachContext()
SLOT, SLOT_WITH_DIRS = slot(), slot(DIRS)


def job(**changes: str | None) -> classad2.ClassAd:
    """The submitted job with other expressions for some attributes; None: without it."""
    ad = classad2.ClassAd()
    for name, text in {**SUBMITTED, **changes}.items():
        if text is not None:
            ad[name] = classad2.ExprTree(text)
    return ad


def is_let_in(ad: classad2.ClassAd, to: classad2.ClassAd = SLOT) -> bool:
    matches: bool = to.symmetricMatch(ad)
    return matches


def failed(ad: classad2.ClassAd, to: classad2.ClassAd = SLOT) -> set[str]:
    """The conditions that do not hold for a job, each evaluated on its own."""
    return {name for name in start_guard.attributes([]) if to.lookup(name).eval(to, ad) is not True}
