"""Validate what a job requests for its virtual machine, from its ad. No I/O.

The rules are those that the generator writes into START (genconfig/snippet/start_guard.py), and some that START cannot
express.
"""

from __future__ import annotations

import re

from ..failures import AuthorizationError, ParameterError
from ..guest_facts import GuestFacts
from ..installed import POLICY
from ..job import FILES_WANTED
from ..policy.model import Policy
from ..record import dataclass
from ..text import is_under, printable
from .job_ad import Ad

MOST_DISKS = 16
MOST_VCPUS = 255
_COMPONENT = "[A-Za-z0-9_+-][A-Za-z0-9._+-]*"
_NAME = re.compile(_COMPONENT)
_PATH = re.compile(f"(/{_COMPONENT})+")  # below a directory
_DEVICE = re.compile("(vd[a-z]{1,2})|(sd[a-z]{1,2})|(hd[a-d])")
_BUSES = ("virtio", "scsi", "ide")
# libvirt refuses multicast addresses (an odd first byte), and fe, which it uses for the host's end of the interface
_MAC = re.compile("(?!fe)[0-9a-f][02468ace](:[0-9a-f]{2}){5}")
# User, with @ as _, cluster, process: HTCondor's create_name_for_VM(). libvirt uses it as a file name.
_DOMAIN = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._@+-]{0,120}_[0-9]{1,10}\.[0-9]{1,10}")


@dataclass(frozen=True)
class Disk:
    """A disk in vm_disk."""

    name: str  # of a file in the scratch directory, or an absolute path that policy allows
    device: str  # libvirt's name, for example "vda"
    bus: str  # virtio, scsi or ide
    readonly: bool
    format: str  # raw or qcow2; "" if the job does not say, then the file's content decides
    cdrom: bool


@dataclass(frozen=True)
class Request:
    """A virtual machine that a job may have."""

    name: str  # of the domain; "" in the hook, because HTCondor has not set it yet
    memory: int  # MiB
    vcpus: int
    disks: tuple[Disk, ...]
    network: str  # one of GuestFacts.networks, "" for none
    mac: str  # lower case, "" for libvirt's choice
    vnc: bool  # whether it has a screen
    uefi: bool  # whether it boots with UEFI; on x86_64, else by BIOS
    files: bool = False  # whether it has the job's files, the scratch directory


def parse(ad: Ad, policy: Policy, facts: GuestFacts) -> Request:
    """Return what a job requests. Raises ParameterError, and AuthorizationError for what policy does not allow."""
    if ad.string("JobVMType") != "kvm":
        raise ParameterError('the job\'s JobVMType is not "kvm"; write vm_type = kvm into the submit file')
    if ad.boolean("JobVMCheckpoint") or ad.has("TransferIntermediate"):
        # Its checkpoint would contain the whole definition of the virtual machine
        raise AuthorizationError("the job wants checkpoints, which are not allowed here; write vm_checkpoint = False")
    name = ad.string("VMPARAM_VM_NAME") or ""
    if name and not _DOMAIN.fullmatch(name):
        raise ParameterError(f"'{printable(name)}' is not a valid name for a virtual machine; submit as another user")
    network = _network(ad, facts) if ad.boolean("JobVMNetworking") else ""
    mac = (ad.string("JobVM_MACADDR") or "").lower()
    if mac and not _MAC.fullmatch(mac):
        raise ParameterError(
            f"vm_macaddr is '{printable(mac)}'; write a unicast address that does not begin with fe, as "
            "52:54:00:12:34:56, or leave it out"
        )
    bridges = {*ad.strings("VMPARAM_Bridge_Interface")} - {"", facts.bridge}  # the vm-gahp adds the node's
    if bridges:
        raise AuthorizationError(
            f"the job names the bridge '{printable(', '.join(sorted(bridges)))}'; the node decides which one is "
            "used: omit VMPARAM_Bridge_Interface"
        )
    vnc = ad.boolean("JobVMVNCConsole")
    if vnc and not policy.guest.vnc:
        raise AuthorizationError(
            f"the job wants a screen (vm_vnc), which policy does not allow here (guest.vnc in {POLICY}); leave out "
            "vm_vnc"
        )
    return Request(
        name=name,
        memory=_amount(ad, ("JobVMMemory", "RequestMemory"), "vm_memory", 999_999_999),
        vcpus=_amount(ad, ("JobVM_VCPUS", "RequestCpus"), "vm_vcpus", MOST_VCPUS),
        disks=_disks(ad.string("VMPARAM_vm_Disk") or "", policy.vm.disk_dirs),
        network=network,
        mac=mac,
        vnc=vnc,
        uefi=_uefi(ad, facts),
        files=_files(ad, facts),
    )


def is_output(ad: Ad, name: str) -> bool:
    """Return whether HTCondor may transfer a file of the scratch directory back to the submitter.

    ad: need not be trusted, because only performance depends on the result.
    """
    try:
        if ad.boolean("VMPARAM_No_Output_VM"):
            return False
        wanted = ad.string("TransferOutput")
    except ParameterError:
        return True
    return wanted is None or name in [path.strip() for path in wanted.split(",")]


def _amount(ad: Ad, names: tuple[str, str], command: str, most: int) -> int:
    """Return the first of two attributes that the job has, like HTCondor's own script."""
    amount = next((number for number in map(ad.number, names) if number is not None), 0)
    if not 0 < amount <= most:
        raise ParameterError(f"{command} is {amount or 'not set'}; write a number from 1 to {most}")
    return amount


def _network(ad: Ad, facts: GuestFacts) -> str:
    """Return the network type. The vm-gahp adds the node's default, in its own case, if it does not see the job's."""
    asked = {kind.strip().lower() for kind in ad.strings("JobVMNetworkingType")} - {""}
    if not facts.networks:
        raise AuthorizationError("the job wants a network, and this node offers none; write vm_networking = False")
    if len(asked) > 1 or not asked <= set(facts.networks):
        raise AuthorizationError(
            f"vm_networking_type is '{printable(', '.join(sorted(asked)))}', and this node offers "
            f"{', '.join(facts.networks)}; write one of these, or omit it"
        )
    return asked.pop() if asked else facts.networks[0]


def _uefi(ad: Ad, facts: GuestFacts) -> bool:
    firmware = (ad.string("VMPARAM_Firmware") or "bios").lower()
    if firmware not in ("bios", "uefi"):
        raise ParameterError(
            f'VMPARAM_Firmware is \'{printable(firmware)}\'; write MY.VMPARAM_Firmware = "uefi" or "bios", or omit it'
        )
    if firmware == "uefi" and not facts.uefi:
        raise AuthorizationError(
            "the job wants UEFI (VMPARAM_Firmware), and this node has no firmware for it; use an image that boots by "
            "BIOS, or ask the administrator to install edk2-ovmf"
        )
    return firmware == "uefi"


def _files(ad: Ad, facts: GuestFacts) -> bool:
    wanted = ad.boolean(FILES_WANTED)
    if wanted and not facts.virtiofsd:
        raise AuthorizationError(
            f"the job wants its files in the guest ({FILES_WANTED}), and this node has no virtiofsd for that; leave it "
            "out, and bring the files on a disk, or ask the administrator to install virtiofsd 1.13 or later"
        )
    return wanted


def _disks(text: str, disk_dirs: list[str]) -> tuple[Disk, ...]:
    if not text:
        raise ParameterError("the job has no disk; write vm_disk = name:device:permission, as disk.qcow2:vda:w:qcow2")
    disks = tuple(_disk(part.strip(" "), disk_dirs) for part in text.split(","))
    if len(disks) > MOST_DISKS:
        raise ParameterError(f"vm_disk has {len(disks)} disks; at most {MOST_DISKS} are possible")
    for what, values in (("device", [disk.device for disk in disks]), ("file", [disk.name for disk in disks])):
        twice = next((value for value in values if values.count(value) > 1), "")
        if twice:
            raise ParameterError(f"vm_disk has the {what} {printable(twice)} twice; write each once")
    return disks


def _disk(text: str, disk_dirs: list[str]) -> Disk:
    shown = f"vm_disk has '{printable(text)}'"
    parts = text.split(":")
    if len(parts) not in (3, 4):
        raise ParameterError(f"{shown}; write name:device:permission[:format], as disk.qcow2:vda:w:qcow2")
    name, target, permission, image_format = *parts[:3], *(parts[3:] or [""])
    if not _NAME.fullmatch(name) and not _is_allowed(name, disk_dirs):
        allowed = f", or a path under {printable(', '.join(disk_dirs))}" if disk_dirs else ""
        raise AuthorizationError(
            f"{shown}; the file must be one that the job has brought, by its plain name of letters, digits and ._+- "
            f"(transfer_input_files){allowed}"
        )
    device = _DEVICE.fullmatch(target)
    if not device:
        raise ParameterError(f"{shown}; the device must be vda to vdzz, sda to sdzz, or hda to hdd")
    if permission not in ("r", "w", "rw"):
        raise ParameterError(f"{shown}; the permission must be r or w")
    if image_format not in ("", "raw", "qcow2"):  # others of QEMU's can name further files of the host
        raise ParameterError(f"{shown}; the format must be raw or qcow2")
    disk = Disk(name, target, _BUSES[(device.lastindex or 1) - 1], permission == "r", image_format, "iso" in name)
    if disk.cdrom and disk.bus == "virtio":
        raise ParameterError(f"{shown}, a CD-ROM, because its name contains 'iso'; rename it, or write sda or hdc")
    if disk.bus == "ide" and disk.readonly and not disk.cdrom:
        hint = ", or, to be a CD-ROM, have 'iso' in its name in small letters" if "iso" in name.lower() else ""
        raise ParameterError(f"{shown}; a disk that is read-only must be vd? or sd?{hint}")
    return disk


def _is_allowed(path: str, disk_dirs: list[str]) -> bool:
    """Return whether a path is under one of the directories. No component begins with a dot, so there is no `..`."""
    return any(is_under(path, directory) and _PATH.fullmatch(path[len(directory) :]) for directory in disk_dirs)
