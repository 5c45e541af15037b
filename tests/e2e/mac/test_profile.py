"""The AppArmor profile that libvirt makes of a guest's definition: QEMU may open all that the definition names.

libvirt's virt-aa-helper prints it also where the kernel has no AppArmor. test_apparmor.py has guests in such profiles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from testnode import container
from testnode.recipe import NODES

DEFINITIONS = Path(__file__).parents[2] / "data/domains"
UUID = "11111111-2222-3333-4444-555555555555"
HELPER = f"/usr/lib/libvirt/virt-aa-helper --dryrun --create --uuid libvirt-{UUID} < /root/definition.xml 2>&1"


@pytest.fixture(scope="module", params=NODES)
def tree(request: pytest.FixtureRequest) -> Iterator[Path]:
    with container.tree(request.param) as root:
        yield root


def needed(definition: ElementTree.Element) -> Iterator[tuple[str, str]]:
    """Yield each path that QEMU opens, and what it needs of it."""
    for disk in definition.iterfind("devices/disk"):
        access = "r" if disk.find("readonly") is not None else "rw"
        (first, *backing) = [source.get("file", "") for source in disk.iter("source")]
        yield first, access
        yield from ((path, "r") for path in backing)
    for pipe in definition.iterfind("devices/*[@type='pipe']/source"):
        yield from ((f"{pipe.get('path')}.{end}", "rw") for end in ("in", "out"))
    for socket in definition.iterfind("devices/filesystem/source"):
        yield socket.get("socket", ""), "rw"
    for nvram in definition.iterfind("os/nvram"):
        yield nvram.text or "", "rw"


def rules(said: str) -> list[tuple[str, str]]:
    """Return the rules of a profile: paths as regular expressions (apparmor.d(5), globbing), and the access."""
    found = re.findall(r'^  "(/[^"]*)" ([a-z]+),$', said, re.MULTILINE)
    parts = [(re.split(r"(\*\*|\*)", path), access) for path, access in found]
    meaning = {"**": ".*", "*": "[^/]*"}
    return [("".join(meaning.get(part) or re.escape(part) for part in path), access) for path, access in parts]


@pytest.mark.parametrize("name", ["everything", "uefi", "scsi"])
def test_profile_has_every_path_of_the_definition(tree: Path, name: str) -> None:
    definition = ElementTree.parse(DEFINITIONS / f"{name}.xml").getroot()
    ElementTree.SubElement(definition, "uuid").text = UUID
    ElementTree.ElementTree(definition).write(tree / "root/definition.xml")
    allowed = rules(container.execute(tree, ["sh", "-c", HELPER]).stdout)
    wanted = set(needed(definition))
    assert len(wanted) >= 6
    missing = {
        (path, access)
        for path, access in wanted
        if not any(re.fullmatch(rule, path) and set(access) <= set(given) for rule, given in allowed)
    }
    assert missing == set()
