"""What libvirt is told of a guest: golden files, and what holds for all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from xml.dom import minidom
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condor_kvm_stage.domain import domain_xml
from condor_kvm_stage.domain.domain_xml import Guest
from support.domain.guests import CHAIN, DIRECTORY, EVERYTHING, GUESTS, SHELTER, disk_file, guest


@pytest.fixture(autouse=True)
def architecture(monkeypatch: pytest.MonkeyPatch) -> str:
    """That of the golden files, wherever the tests run."""
    monkeypatch.setattr(domain_xml, "_ARCHITECTURE", "x86_64")
    return "x86_64"


def domain(of: Guest) -> ElementTree.Element:
    return ElementTree.fromstring(domain_xml.definition(of))


def rendered(of: Guest) -> str:
    """For eyes: an element a line."""
    element = minidom.parseString(domain_xml.definition(of)).documentElement
    assert element
    return str(element.toprettyxml(indent="  "))


@pytest.mark.parametrize("name", GUESTS)
def test_definition_is_the_golden_one(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"domains/{name}.xml", rendered(GUESTS[name]))


def test_other_architecture_has_its_own_firmware(
    golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domain_xml, "_ARCHITECTURE", "aarch64")
    golden("domains/aarch64.xml", rendered(guest(ide=False)))


def test_every_chain_is_written_out_to_its_end() -> None:
    """Where it is not, libvirt reads on in the image's header, and QEMU follows that."""
    for disk in domain(GUESTS["everything"]).iter("disk"):
        found, store = [], disk.find("backingStore")
        while store is not None and len(store):
            source, image_format = store.find("source"), store.find("format")
            assert source is not None
            assert image_format is not None
            found.append((source.get("file"), image_format.get("type")))
            store = store.find("backingStore")
        assert store is not None, "no end"
        driver = disk.find("driver")
        assert driver is not None
        assert found == list(CHAIN if driver.get("type") == "qcow2" else ())


def test_no_file_changes_its_owner_and_only_the_jobs_their_label() -> None:
    for source in domain(GUESTS["everything"]).iterfind(".//source[@file]"):
        kept = [(label.get("model"), label.get("relabel")) for label in source.iterfind("seclabel")]
        own = str(source.get("file")).startswith((SHELTER, "/srv/disks/alice"))
        assert kept == [("dac", "no")] if own else [("selinux", "no"), ("dac", "no")]


def test_scsi_disks_are_on_one_controller_in_the_order_of_their_names() -> None:
    units = {
        target.get("dev"): address.get("unit")
        for disk in domain(GUESTS["scsi"]).iter("disk")
        if (target := disk.find("target")) is not None and (address := disk.find("address")) is not None
    }
    assert units == {"sda": "0", "sdb": "1", "sdzz": "2"}
    assert len(domain(GUESTS["scsi"]).findall("devices/controller")) == 1
    assert domain(GUESTS["example"]).find("devices/controller") is None


def test_no_path_leads_into_the_scratch_directory() -> None:
    text = domain_xml.definition(GUESTS["everything"]).decode()
    assert text.count(f"{DIRECTORY}/scratch/") == 0
    assert text.count(f'"{DIRECTORY}/scratch"') == 1  # in the metadata


def test_disk_that_is_not_written_to_has_no_way_of_writing() -> None:
    for disk in domain(GUESTS["everything"]).iter("disk"):
        driver = disk.find("driver")
        assert driver is not None
        readonly = disk.find("readonly") is not None
        assert (driver.get("cache") is None) == readonly
        assert (driver.get("discard") is None) == readonly


@pytest.mark.parametrize(("returns", "cache"), [(True, "writeback"), (False, "unsafe")])
def test_only_a_disk_that_comes_back_has_its_flushes(returns: bool, cache: str) -> None:
    of = guest()
    driver = domain(dataclasses.replace(of, disks=(disk_file(of.request.disks[0], is_output=returns),))).find(
        ".//driver"
    )
    assert driver is not None
    assert driver.get("cache") == cache


# What a path of a base image can have: all that is printable
PATHS = st.text(st.characters(blacklist_categories=("C", "Z")) | st.sampled_from("<>&'\"]-! ")).map("/srv/".__add__)


@settings(deadline=None)
@given(PATHS.filter(str.isprintable), PATHS.filter(str.isprintable))
def test_path_is_in_the_definition_as_it_is_on_the_disk_whatever_it_says(base: str, scratch: str) -> None:
    of = guest()
    file = disk_file(of.request.disks[0], path=f"{scratch}.x/disk", backing=((base, "raw"),))
    where = dataclasses.replace(of.job, scratch=scratch)
    console, terminal = f"{scratch}.x/c", f"{scratch}.x/t"
    found = domain(dataclasses.replace(of, disks=(file,), job=where, console=console, terminal=terminal))
    assert [source.get("file") for source in found.iterfind(".//source[@file]")] == [f"{scratch}.x/disk", base]
    job = found.find("metadata/{urn:condor-kvm-stage:job}job")
    assert job is not None
    assert job.attrib == {"scratch": scratch, "starter": "287", "started": "123456"}
    assert [source.get("path") for source in found.iterfind(".//source[@path]")] == [console, terminal]
    assert {element.tag for element in found.iter()} == {element.tag for element in domain(of).iter()} | {"source"}


def test_definition_is_made_of_all_that_the_guest_has() -> None:
    assert len(domain(GUESTS["everything"]).findall("devices/disk")) == len(EVERYTHING.split(","))
