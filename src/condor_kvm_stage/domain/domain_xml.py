"""Write the definition of a guest for libvirt ("Domain XML format" in its manual). Makes no decisions.

What is not specified here, such as the machine type, is libvirt's default: the same virtual hardware as with HTCondor's
own script, for which users' images were made, except for what is faster or safer and not visible to a guest, and for
the SCSI controller, where libvirt's default depends on what the host's QEMU has.
"""

from __future__ import annotations

import os
from xml.etree.ElementTree import Element, SubElement, tostring

from ..guest_facts import GuestFacts
from ..job import Job
from ..leftovers import metadata
from ..leftovers.metadata import JobRef
from ..record import dataclass
from .disks import DiskFile
from .request import Request

_ARCHITECTURE = os.uname().machine
_REBOOT_TIMEOUT = 5000  # milliseconds
FILES_TAG = "job"  # by which a guest mounts the job's files
# Credentials of systemd's (systemd.system-credentials(7), from version 257 on): a root shell on the terminal, to which
# the job's user alone has access. Without them a guest asks there for a name and a password, as cloud images have none.
OEM_STRINGS = (
    "io.systemd.credential:tty.serial.hvc0.agetty.autologin=root",
    "io.systemd.credential:tty.serial.hvc0.login.noauth=yes",
)


@dataclass(frozen=True)
class Guest:
    """The input of a definition."""

    request: Request
    disks: tuple[DiskFile, ...]
    console: str  # path of the two FIFOs, without .in and .out
    terminal: str  # likewise
    nvram: str  # path of the file with UEFI's variables, which libvirt makes and does not remove
    job: Job
    group: int  # of QEMU, see qemu_identity.py
    facts: GuestFacts
    files: str = ""  # path of the socket of the job's files (job_files.py), "" for a guest without


def definition(guest: Guest) -> bytes:
    """Return a guest's definition, in UTF-8."""
    request, facts = guest.request, guest.facts
    domain = Element("domain", type="kvm")
    _add(domain, "name", request.name)
    job = guest.job
    metadata.write(SubElement(domain, "metadata"), JobRef(job.scratch, job.starter, job.started))
    # QEMU runs as the job's user. `relabel` is for the directories that libvirt makes for the domain; the job's own
    # files keep their owners (see _source).
    label = _add(domain, "seclabel", type="static", model="dac", relabel="yes")
    _add(label, "label", f"+{job.uid}:+{guest.group}")
    _add(domain, "memory", str(request.memory), unit="MiB")
    if guest.files:  # whoever serves them reads and writes in the guest's memory
        backing = SubElement(domain, "memoryBacking")
        _add(backing, "source", type="memfd")
        _add(backing, "access", mode="shared")
    _add(domain, "vcpu", str(request.vcpus))
    system = _system(domain, guest)
    if _ARCHITECTURE == "x86_64":
        _add(system, "smbios", mode="sysinfo")
        strings = SubElement(_add(domain, "sysinfo", type="smbios"), "oemStrings")
        for text in OEM_STRINGS:
            _add(strings, "entry", text)
    features = SubElement(domain, "features")
    _add(features, "acpi")
    if _ARCHITECTURE == "x86_64":
        _add(features, "apic")
        _add(features, "pae")
    if facts.cpu_mode:
        cpu = _add(domain, "cpu", mode=facts.cpu_mode)
        for feature in facts.cpu_without:
            _add(cpu, "feature", policy="disable", name=feature)
    _add(domain, "clock", offset="utc")
    _add(domain, "on_poweroff", "destroy")
    _add(domain, "on_reboot", "restart")
    _add(domain, "on_crash", "destroy")  # the job ends, and its console shows why; otherwise it might crash forever
    devices = SubElement(domain, "devices")
    _disks(devices, guest)
    if guest.files:
        files = SubElement(devices, "filesystem", type="mount")
        _add(files, "driver", type="virtiofs")
        _add(files, "source", socket=guest.files)
        _add(files, "target", dir=FILES_TAG)
    if request.network:
        _network(devices, request, facts)
    _console(devices, guest)
    channel = SubElement(devices, "channel", type="unix")
    _add(channel, "target", type="virtio", name="org.qemu.guest_agent.0")
    rng = SubElement(devices, "rng", model="virtio")
    _add(rng, "backend", "/dev/urandom", model="random")
    if request.vnc:
        _add(devices, "graphics", type="vnc", autoport="yes", listen="127.0.0.1")
    return bytes(tostring(domain, encoding="utf-8"))


def _add(parent: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    element = SubElement(parent, tag, attributes)
    element.text = text
    return element


def _system(domain: Element, guest: Guest) -> Element:
    if _ARCHITECTURE == "x86_64" and not guest.request.uefi:
        system = _add(domain, "os")
        _add(system, "type", "hvm")
        # A guest that finds no disk to boot from resets, instead of waiting for ever, and so is noticed
        _add(system, "bios", rebootTimeout=str(_REBOOT_TIMEOUT))
        return system
    system = _add(domain, "os", firmware="efi")
    # Some distributions have UEFI only for q35
    _add(system, "type", "hvm", **({"machine": "q35"} if _ARCHITECTURE == "x86_64" else {}))
    # Otherwise libvirt takes the first firmware that it finds, and one with Secure Boot starts few images
    _add(SubElement(system, "firmware"), "feature", name="secure-boot", enabled="no")
    _add(system, "nvram", guest.nvram)
    return system


def _disks(devices: Element, guest: Guest) -> None:
    on_scsi = sorted(
        (file.disk.device for file in guest.disks if file.disk.bus == "scsi"), key=lambda name: (len(name), name)
    )
    if on_scsi:
        _add(devices, "controller", type="scsi", index="0", model="virtio-scsi")
    has_ide = guest.facts.ide and not guest.request.uefi  # q35 has none
    for file in guest.disks:
        element = _disk(devices, file, guest.facts)
        disk = file.disk
        _add(element, "target", dev=disk.device, bus="sata" if disk.bus == "ide" and not has_ide else disk.bus)
        if disk.readonly:
            _add(element, "readonly")
        if disk.bus == "scsi":
            # All on that controller; by its name, libvirt would make further ones for sdp and later
            unit = str(on_scsi.index(disk.device))
            _add(element, "address", type="drive", controller="0", bus="0", target="0", unit=unit)


def _disk(devices: Element, file: DiskFile, facts: GuestFacts) -> Element:
    disk = file.disk
    element = SubElement(devices, "disk", type="file", device="cdrom" if disk.cdrom else "disk")
    driver = _add(element, "driver", name="qemu", type=file.format)
    if not disk.readonly:
        # A disk that is deleted with the job need not be flushed to the node's disk. One that is transferred back
        # must stay consistent if QEMU crashes.
        driver.set("cache", "writeback" if file.is_output else "unsafe")
        driver.set("discard", "unmap")
    _source(element, file.path, ("dac",) if file.relabel else facts.security_models)
    # The whole chain, each file with its format, so that libvirt and QEMU do not use what an image's header says
    below = element
    for path, image_format in file.backing:
        below = SubElement(below, "backingStore", type="file")
        _add(below, "format", type=image_format)
        _source(below, path, facts.security_models)
    _add(below, "backingStore")
    return element


def _source(parent: Element, path: str, no_relabel: list[str] | tuple[str, ...]) -> None:
    """Add a source. no_relabel: libvirt's security models that must not change the file's owner or label."""
    source = _add(parent, "source", file=path)
    for model in no_relabel:
        _add(source, "seclabel", model=model, relabel="no")


def _network(devices: Element, request: Request, facts: GuestFacts) -> None:
    kinds = {"nat": "network", "bridge": "bridge"}
    interface = SubElement(devices, "interface", type=kinds[request.network])
    if request.mac:
        _add(interface, "mac", address=request.mac)
    if request.network == "nat":
        _add(interface, "source", network="default")
    elif request.network == "bridge":
        _add(interface, "source", bridge=facts.bridge)
    _add(interface, "model", type="virtio")
    # Its option ROM is for booting from the network, which no job does, and running it delays the guest's boot
    _add(interface, "rom", enabled="no")


def _console(devices: Element, guest: Guest) -> None:
    _add(_pipe(devices, "serial", guest.console), "target", port="0")
    _add(_pipe(devices, "console", guest.terminal), "target", type="virtio", port="1")


def _pipe(devices: Element, tag: str, path: str) -> Element:
    element = SubElement(devices, tag, type="pipe")
    _add(_add(element, "source", path=path), "seclabel", model="dac", relabel="no")
    return element
