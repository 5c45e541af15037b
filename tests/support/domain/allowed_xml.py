"""What a guest's definition may say on a node: a table of its own, of which the builder knows nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from support.domain.fake_world import World

_WORDS = "image is not in qcow2 format"
_JOB = "{urn:condor-kvm-stage:job}job"
_NUMBER = "[1-9][0-9]{0,8}"
# For each element its attributes, and under "" its text: patterns of all that they may be. "path" is for a path.
_ELEMENTS: dict[str, dict[str, str]] = {
    "domain": {"type": "kvm"},
    "domain/name": {"": "[A-Za-z0-9_+-][A-Za-z0-9._@+-]{0,250}"},
    "domain/metadata": {},
    f"domain/metadata/{_JOB}": {"scratch": "path", "starter": _NUMBER, "started": _NUMBER},
    "domain/seclabel": {"type": "static", "model": "dac", "relabel": "yes"},
    "domain/seclabel/label": {"": "[+](1000|65534):[+]107"},
    "domain/memory": {"unit": "MiB", "": _NUMBER},
    "domain/memoryBacking": {},
    "domain/memoryBacking/source": {"type": "memfd"},
    "domain/memoryBacking/access": {"mode": "shared"},
    "domain/vcpu": {"": _NUMBER},
    "domain/os": {"firmware": "efi"},
    "domain/os/type": {"": "hvm", "machine": "q35"},
    "domain/os/bios": {"rebootTimeout": "5000"},
    "domain/os/firmware": {},
    "domain/os/firmware/feature": {"name": "secure-boot", "enabled": "no"},
    "domain/os/nvram": {"": "path"},
    "domain/os/smbios": {"mode": "sysinfo"},
    "domain/sysinfo": {"type": "smbios"},
    "domain/sysinfo/oemStrings": {},
    "domain/sysinfo/oemStrings/entry": {
        "": r"io[.]systemd[.]credential:tty[.]serial[.]hvc0[.](agetty[.]autologin=root|login[.]noauth=yes)"
    },
    **{f"domain/features{part}": {} for part in ("", "/acpi", "/apic", "/pae")},
    "domain/cpu": {"mode": "host-passthrough|host-model"},
    "domain/cpu/feature": {"policy": "disable", "name": "vmx"},
    "domain/clock": {"offset": "utc"},
    "domain/on_poweroff": {"": "destroy"},
    "domain/on_reboot": {"": "restart"},
    "domain/on_crash": {"": "destroy"},
    "domain/devices": {},
    "domain/devices/controller": {"type": "scsi", "index": "0", "model": "virtio-scsi"},
    "domain/devices/disk": {"type": "file", "device": "disk|cdrom"},
    "domain/devices/disk/driver": {
        "name": "qemu",
        "type": "raw|qcow2",
        "cache": "writeback|unsafe",
        "discard": "unmap",
    },
    "domain/devices/disk/source": {"file": "path"},
    "domain/devices/disk/source/seclabel": {"model": "selinux|dac", "relabel": "no"},
    "domain/devices/disk/backingStore": {"type": "file"},
    "domain/devices/disk/backingStore/format": {"type": "raw|qcow2"},
    "domain/devices/disk/backingStore/source": {"file": "path"},
    "domain/devices/disk/backingStore/source/seclabel": {"model": "selinux|dac", "relabel": "no"},
    "domain/devices/disk/target": {"dev": "[vs]d[a-z]{1,2}|hd[a-d]", "bus": "virtio|scsi|ide|sata"},
    "domain/devices/disk/readonly": {},
    "domain/devices/disk/address": {"type": "drive", "controller": "0", "bus": "0", "target": "0", "unit": "1?[0-9]"},
    "domain/devices/interface": {"type": "network|bridge|user"},
    "domain/devices/interface/mac": {"address": "[0-9a-f][02468ace](:[0-9a-f]{2}){5}"},
    "domain/devices/interface/source": {"network": "default", "bridge": "br0"},
    "domain/devices/interface/model": {"type": "virtio"},
    "domain/devices/interface/rom": {"enabled": "no"},
    "domain/devices/filesystem": {"type": "mount"},
    "domain/devices/filesystem/driver": {"type": "virtiofs"},
    "domain/devices/filesystem/source": {"socket": "path"},
    "domain/devices/filesystem/target": {"dir": "job"},
    "domain/devices/serial": {"type": "pipe"},
    "domain/devices/serial/source": {"path": "path"},
    "domain/devices/serial/source/seclabel": {"model": "dac", "relabel": "no"},
    "domain/devices/serial/target": {"port": "0"},
    "domain/devices/console": {"type": "pipe"},
    "domain/devices/console/source": {"path": "path"},
    "domain/devices/console/source/seclabel": {"model": "dac", "relabel": "no"},
    "domain/devices/console/target": {"type": "virtio", "port": "1"},
    "domain/devices/channel": {"type": "unix"},
    "domain/devices/channel/target": {"type": "virtio", "name": "org[.]qemu[.]guest_agent[.]0"},
    "domain/devices/rng": {"model": "virtio"},
    "domain/devices/rng/backend": {"model": "random", "": "path"},
    "domain/devices/graphics": {"type": "vnc", "autoport": "yes", "listen": "127[.]0[.]0[.]1"},
}


@dataclass(frozen=True)
class Outcome:
    """What a job has come to: whether it is a domain; of how many disks, or why not."""

    is_domain: bool
    disks: int = 0
    reason: str = ""


def judge(printed: bytes, world: World) -> Outcome:
    """Assert that the builder's output is what may be on a node."""
    domain = ElementTree.fromstring(printed)
    assert domain.tag == "domain"
    if domain.get("type") != "kvm":
        return Outcome(False, reason=_refusal(domain, printed))
    _check_elements(domain, world)
    disks = domain.findall("devices/disk")
    for disk in disks:
        _check_chain(disk, world)
    targets = [target.get("dev") for target in domain.iterfind("devices/disk/target")]
    assert len(set(targets)) == len(targets) == len(disks) > 0
    _check_interfaces(domain, world)
    assert domain.find("devices/graphics") is None or world.policy.guest.vnc
    assert domain.find("devices/filesystem") is None or world.facts.virtiofsd
    assert (domain.find("memoryBacking") is None) == (domain.find("devices/filesystem") is None)
    return Outcome(True, len(disks))


def _refusal(domain: Element, printed: bytes) -> str:
    assert set(domain.attrib) == {"type"}
    assert [(child.tag, child.attrib, list(child)) for child in domain] == [("name", {}, [])]
    assert printed.isascii()
    assert len(printed) < 100_000
    kind = domain.attrib["type"]
    assert _WORDS in kind
    assert "please report it" not in kind, "a bug"
    return kind.removeprefix("condor-kvm-stage: ")


def _paths(world: World) -> set[str]:
    """All that may be where a path can be."""
    files = {name if name.startswith("/") else f"{world.shelter}/{name}" for name in world.files}
    directories = tuple(f"{directory}/" for directory in [world.shelter, *world.policy.vm.disk_dirs])
    allowed = {path for path in files if path.startswith(directories)}
    allowed |= {path for file in world.files.values() for path, _ in file.backing}
    ours = {world.scratch, world.console, world.terminal, world.nvram, world.socket, "/dev/urandom"}
    return allowed | ours


def _walk(element: Element, path: str) -> Iterator[tuple[str, Element]]:
    yield path, element
    for child in element:
        yield from _walk(child, path if child.tag == "backingStore" == element.tag else f"{path}/{child.tag}")


def _check_elements(domain: Element, world: World) -> None:
    paths = _paths(world)
    for place, element in _walk(domain, "domain"):
        assert place in _ELEMENTS, place
        text = (element.text or "").strip()
        assert not (element.tail or "").strip()
        for name, value in [*element.attrib.items(), *([("", text)] if text else [])]:
            pattern = _ELEMENTS[place].get(name)
            assert pattern is not None, f"{place} {name}"
            if pattern == "path" or "/" in value:
                assert value in paths, f"{place} {name}: {value!r}"
            else:
                assert re.fullmatch(pattern, value), f"{place} {name}: {value!r}"


def _check_chain(disk: Element, world: World) -> None:
    """The chain is the whole one; no file changes its owner, and none that is not the job's its label."""
    chain: list[tuple[str, str]] = []
    image_format, below = disk.find("driver"), disk
    while True:
        source = below.find("source")
        assert source is not None
        assert image_format is not None
        path = source.attrib["file"]
        chain.append((path, image_format.attrib["type"]))
        given = path.startswith(f"{world.shelter}/") or (len(chain) == 1 and disk.find("readonly") is None)
        kept = [label.get("model") for label in source.iterfind("seclabel")]
        assert kept == (["dac"] if given else world.facts.security_models)
        (below,) = below.findall("backingStore")
        if not len(below):
            break
        image_format = below.find("format")
    name = chain[0][0].removeprefix(f"{world.shelter}/")
    file = world.files[name]
    assert chain[0][1] == file.format
    assert tuple(chain[1:]) == file.backing


def _check_interfaces(domain: Element, world: World) -> None:
    interfaces = domain.findall("devices/interface")
    assert len(interfaces) <= 1
    for interface in interfaces:
        kind = interface.get("type")
        assert {"network": "nat"}.get(str(kind), kind) in world.facts.networks
        source = interface.find("source")
        expected = {"network": {"network": "default"}, "bridge": {"bridge": world.facts.bridge}}[str(kind)]
        assert (None if source is None else source.attrib) == expected
