"""What a guest has, from a definition that libvirt has written, and from ones that it has not."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from condor_kvm_stage.leftovers import guest_definition

STATUS = Path(__file__).parents[2] / "data/status/domain.xml"


@pytest.fixture
def domain() -> ElementTree.Element:
    found = ElementTree.parse(STATUS).getroot().find("domain")
    assert found is not None
    return found


def test_definition_of_a_guest_that_ran(domain: ElementTree.Element) -> None:
    assert guest_definition.memory(domain) == 64 << 20
    assert guest_definition.cpus(domain) == 1
    assert guest_definition.user(domain) == 1000
    assert guest_definition.disks(domain) == ["/var/lib/condor/execute/dir_405/scratch.condor-kvm-stage/disk.qcow2"]
    assert guest_definition.images(domain) == ["/srv/images/long.qcow2"]
    assert guest_definition.macs(domain) == []


def test_image_is_the_file_below_the_disk_and_not_the_end_of_the_chain() -> None:
    text = """<domain><devices><disk><source file='/s/a'/><backingStore><source file='/i/b'/>
    <backingStore><source file='/i/c'/></backingStore></backingStore></disk>
    <disk><source file='/s/d'/><backingStore><source file='/i/b'/></backingStore></disk>
    <disk device='cdrom'/></devices></domain>"""
    domain = ElementTree.fromstring(text)
    assert guest_definition.images(domain) == ["/i/b"]
    assert guest_definition.disks(domain) == ["/s/a", "/s/d"]


@pytest.mark.parametrize("label", ["alice:kvm", "+0x1:+2", "", "+1000"])
def test_user_that_is_not_the_builders_is_not_known(domain: ElementTree.Element, label: str) -> None:
    for element in domain.iter("label"):
        element.text = label
    assert guest_definition.user(domain) is None


def test_only_interfaces_in_libvirts_network_can_have_its_leases() -> None:
    text = """<domain><devices><interface type='network'><mac address='52:54:00:00:00:01'/></interface>
    <interface type='bridge'><mac address='52:54:00:00:00:02'/></interface></devices></domain>"""
    assert guest_definition.macs(ElementTree.fromstring(text)) == ["52:54:00:00:00:01"]


def test_empty_definition_has_nothing() -> None:
    domain = ElementTree.fromstring("<domain/>")
    assert (guest_definition.memory(domain), guest_definition.cpus(domain), guest_definition.user(domain)) == (
        0,
        0,
        None,
    )
