"""What a running guest has, from the definition in libvirt's status file: memory, CPUs, disks, images, its user."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

_LABEL = re.compile(r"\+([0-9]{1,10}):\+[0-9]{1,10}")  # that the builder writes: the user's and the group's ids


def memory(domain: Element) -> int:
    """Return the bytes of memory; libvirt writes KiB."""
    return _number(domain, "memory") << 10


def cpus(domain: Element) -> int:
    """Return the number of virtual CPUs."""
    return _number(domain, "vcpu")


def user(domain: Element) -> int | None:
    """Return the id of the user that QEMU runs as, which is the job's; None if the definition names none."""
    for label in domain.iterfind("seclabel[@model='dac']/label"):
        found = _LABEL.fullmatch(label.text or "")
        if found:
            return int(found[1])
    return None


def disks(domain: Element) -> list[str]:
    """Return the paths of the disks' files."""
    return [source.get("file", "") for source in domain.iterfind("devices/disk/source")]


def images(domain: Element) -> list[str]:
    """Return the paths of the files directly below the disks, the base images of overlays; each once."""
    found = [source.get("file", "") for source in domain.iterfind("devices/disk/backingStore/source")]
    return list(dict.fromkeys(found))


def network(domain: Element) -> str:
    """Return the type of the network interface, "" if there is none."""
    interface = domain.find("devices/interface")
    return "" if interface is None else interface.get("type", "")


def macs(domain: Element) -> list[str]:
    """Return the addresses of the network interfaces that are in libvirt's default network."""
    return [
        mac.get("address", "")
        for interface in domain.iterfind("devices/interface[@type='network']")
        for mac in interface.iterfind("mac")
    ]


def _number(domain: Element, tag: str) -> int:
    text = domain.findtext(tag, "").strip()
    return int(text) if text.isdecimal() else 0
