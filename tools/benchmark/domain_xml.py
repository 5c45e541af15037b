"""Domain XML like that of HTCondor's own script (libvirt_simple_script.awk), and with other options."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Options:
    """The differences from HTCondor's domain."""

    driver: Mapping[str, str] = field(default_factory=dict)  # attributes of the disk's <driver>
    iothread: bool = False  # whether the disk has one
    overlay: str = ""  # qemu-img's options (-o) for the overlay, which are not in the domain
    machine: str = ""  # the machine type, "" for libvirt's default
    cpu: str = "host-passthrough"  # the CPU's mode, "" for QEMU's default
    usb: bool = True  # whether there is the USB controller that libvirt adds by default
    balloon: bool = True  # whether there is the memory balloon that libvirt adds by default
    merged: bool = True  # whether the kernel may merge equal pages of guests (KSM)


@dataclass(frozen=True)
class Machine:
    """A virtual machine."""

    name: str
    memory: int  # MiB
    disk: str  # path of a qcow2 file
    console: str  # path of the file for the output of the serial port
    kvm: bool  # whether KVM runs it; if not, QEMU emulates its processor, which then has no CPU mode


def domain(machine: Machine, options: Options) -> str:
    """Return the domain XML. Its console is a file; HTCondor's is a pseudo-terminal that nobody reads."""
    root = ET.Element("domain", type="kvm" if machine.kvm else "qemu")
    ET.SubElement(root, "name").text = machine.name
    ET.SubElement(root, "memory").text = str(machine.memory << 10)
    if not options.merged:
        ET.SubElement(ET.SubElement(root, "memoryBacking"), "nosharepages")
    ET.SubElement(root, "vcpu").text = "1"
    if options.iothread:
        ET.SubElement(root, "iothreads").text = "1"
    if machine.kvm and options.cpu:
        ET.SubElement(root, "cpu", mode=options.cpu)
    os_type = ET.SubElement(ET.SubElement(root, "os"), "type")
    os_type.text = "hvm"
    if options.machine:
        os_type.set("machine", options.machine)
    features = ET.SubElement(root, "features")
    for feature in ("acpi", "apic", "pae"):
        ET.SubElement(features, feature)
    for event, action in (("poweroff", "destroy"), ("reboot", "restart"), ("crash", "restart")):
        ET.SubElement(root, f"on_{event}").text = action
    _devices(ET.SubElement(root, "devices"), machine, options)
    return ET.tostring(root, encoding="unicode")


def _devices(devices: ET.Element, machine: Machine, options: Options) -> None:
    ET.SubElement(ET.SubElement(devices, "serial", type="file"), "source", path=machine.console)
    if not options.usb:
        ET.SubElement(devices, "controller", type="usb", model="none")
    if not options.balloon:
        ET.SubElement(devices, "memballoon", model="none")
    disk = ET.SubElement(devices, "disk", type="file")
    driver = ET.SubElement(disk, "driver", {"name": "qemu", "type": "qcow2", **options.driver})
    if options.iothread:
        driver.set("iothread", "1")
    ET.SubElement(disk, "source", file=machine.disk)
    ET.SubElement(disk, "target", dev="vda")
