"""QEMU as EL builds it has fewer devices: what libvirt makes of our definitions needs none that is missing there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from testnode import stages
from testnode.node import Node

pytestmark = pytest.mark.full

DATA = Path(__file__).parents[2] / "data"
# Of definitions for x86_64
DEFINITIONS = sorted(path.stem for path in (DATA / "domains").glob("*.xml") if path.stem != "aarch64")
# Which of QEMU's build options a device, or a machine, needs
NEEDS = {
    "i440fx": "I440FX",
    "q35": "Q35",
    "ahci": "AHCI",
    "cfi.pflash01": "PFLASH_CFI01",
    # libvirt's choice for a screen: where QEMU has no Cirrus, it takes VGA
    "cirrus-vga": "VGA_PCI",
    "ich9-ahci": "AHCI",
    "ide-cd": "IDE_DEV",
    "ide-hd": "IDE_DEV",
    "isa-serial": "SERIAL_ISA",
    "lsi": "LSI_SCSI_PCI",
    "pcie-pci-bridge": "PCIE_PCI_BRIDGE",
    "pcie-root-port": "PCIE_PORT",
    "piix3-usb-uhci": "USB_UHCI",
    "qemu-xhci": "USB_XHCI_PCI",
    "scsi-cd": "SCSI",
    "scsi-hd": "SCSI",
    "VGA": "VGA_PCI",
    "virtio-balloon-pci": "VIRTIO_BALLOON",
    "virtio-blk-pci": "VIRTIO_BLK",
    "virtio-net-pci": "VIRTIO_NET",
    "virtio-rng-pci": "VIRTIO_RNG",
    "virtio-scsi-pci": "VIRTIO_SCSI",
    "virtio-serial-pci": "VIRTIO_SERIAL",
    "virtserialport": "VIRTIO_SERIAL",
}


@pytest.fixture(scope="module")
def offered() -> set[str]:
    lines = (DATA / "qemu/el-x86_64.txt").read_text(encoding="utf-8").splitlines()
    return {name for line in lines if not line.startswith("#") for name in line.split()}


def devices(node: Node, definition: str) -> set[str]:
    """Return the devices, and the machine, of QEMU's arguments for a definition."""
    (node.root / "root/domain.xml").write_text(definition, encoding="utf-8")
    words = shlex.split(node.run("virsh domxml-to-native qemu-argv /root/domain.xml").stdout)
    found = set()
    for option, value in zip(words, words[1:]):
        if option == "-device":
            found.add(json.loads(value)["driver"] if value.startswith("{") else value.partition(",")[0])
        if option == "-machine":
            found.add("q35" if "q35" in value else "i440fx")
            found |= {"cfi.pflash01"} if re.search("pflash", value) else set()
    return found


@pytest.mark.parametrize("name", DEFINITIONS)
def test_definition_needs_no_device_that_el_lacks(installed: stages.Installed, offered: set[str], name: str) -> None:
    text = (DATA / f"domains/{name}.xml").read_text(encoding="utf-8")
    found = devices(installed.node, text)
    assert len(found) > 3
    assert {device: NEEDS.get(device) for device in found if NEEDS.get(device) not in offered} == {}


def test_device_that_el_lacks_would_be_found(installed: stages.Installed, offered: set[str]) -> None:
    text = (DATA / "domains/example.xml").read_text(encoding="utf-8")
    controller = '<controller type="scsi" model="lsilogic"/>'
    found = devices(installed.node, text.replace("</devices>", f"{controller}</devices>"))
    assert {device for device in found if NEEDS[device] not in offered} == {"lsi"}
