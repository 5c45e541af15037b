"""A libvirt domain: as HTCondor's own script defines a job's machine (libvirt_simple_script.awk), and with options."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Options:
    """What differs from HTCondor's domain.

    driver: attributes of the disk's <driver>. iothread: one, for the disk. machine: "" for libvirt's default. cpu: the
    CPU's mode, "" for QEMU's default. usb, balloon: whether the machine has what libvirt adds unasked. merged: whether
    the kernel may merge equal pages of guests (KSM).
    """

    driver: Mapping[str, str] = field(default_factory=dict)
    iothread: bool = False
    machine: str = ""
    cpu: str = "host-passthrough"
    usb: bool = True
    balloon: bool = True
    merged: bool = True


@dataclass(frozen=True)
class Machine:
    """A machine by itself. memory: MiB. disk: a qcow2 file; console: the file for what is sent to the serial port.

    kvm: whether KVM runs it, else QEMU emulates its processor, which then has no CPU mode.
    """

    name: str
    memory: int
    disk: str
    console: str
    kvm: bool


def domain(machine: Machine, options: Options) -> str:
    """Return the definition. Its console is in a file, where HTCondor's is a pseudo-terminal that nobody reads."""
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
