"""The benchmark's guests: HTCondor's definition of their machine, what an option adds, what they have measured."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmark import guest_io, guest_options
from benchmark.domain_xml import Machine, Options, domain
from benchmark.guest_runs import Runner, Sample, measured
from testnode import run as command

pytestmark = pytest.mark.needs_repository

# What HTCondor's libvirt_simple_script.awk prints for a job of 64 MiB, but for the console
STOCK = """\
<domain type='kvm'><name>guest-1</name><memory>65536</memory><vcpu>1</vcpu><cpu mode='host-passthrough'/>
<os><type>hvm</type></os><features><acpi/><apic/><pae/></features>
<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>restart</on_crash>
<devices>
<serial type='file'><source path='/console'/></serial>
<disk type='file'><driver name='qemu' type='qcow2'/><source file='/disk.qcow2'/><target dev='vda'/></disk>
</devices></domain>"""


def defined(options: Options, *, kvm: bool = True) -> str:
    return domain(Machine("guest-1", 64, "/disk.qcow2", "/console", kvm), options)


def canonical(xml: str) -> str:
    return ET.canonicalize(xml, strip_text=True)


def test_definition_without_options_is_htcondors() -> None:
    assert canonical(defined(Options())) == canonical(STOCK)


def test_emulated_machine_has_no_cpu_mode() -> None:
    emulated = STOCK.replace("type='kvm'", "type='qemu'").replace("<cpu mode='host-passthrough'/>", "")
    assert canonical(defined(Options(), kvm=False)) == canonical(emulated)


@pytest.mark.parametrize(
    ("options", "path", "attributes"),
    [
        (Options({"cache": "unsafe"}), "devices/disk/driver", {"name": "qemu", "type": "qcow2", "cache": "unsafe"}),
        (Options(iothread=True), "devices/disk/driver", {"name": "qemu", "type": "qcow2", "iothread": "1"}),
        (Options(machine="q35"), "os/type", {"machine": "q35"}),
        (Options(cpu="host-model"), "cpu", {"mode": "host-model"}),
        (Options(usb=False), "devices/controller", {"type": "usb", "model": "none"}),
        (Options(balloon=False), "devices/memballoon", {"model": "none"}),
        (Options(merged=False), "memoryBacking/nosharepages", {}),
    ],
)
def test_option_is_in_the_definition(options: Options, path: str, attributes: dict[str, str]) -> None:
    found = ET.fromstring(defined(options)).find(path)
    assert found is not None
    assert found.attrib == attributes


def test_iothread_that_the_disk_names_is_there() -> None:
    assert ET.fromstring(defined(Options(iothread=True))).findtext("iothreads") == "1"


def test_variants_of_the_machine_begin_with_htcondors_twice() -> None:
    found = list(guest_options.MACHINES.items())[:2]
    assert found == [(guest_options.STOCK, Options()), (guest_options.AGAIN, Options())]


@pytest.mark.parametrize(
    ("variant", "golden"),
    [(guest_io.OURS, "disk-that-does-not-come-back"), (guest_io.RETURNED, "example")],
)
def test_disk_of_ours_is_that_of_our_definition(variant: str, golden: str) -> None:
    driver = ET.parse(Path(__file__).parents[2] / f"data/domains/{golden}.xml").find("devices/disk/driver")
    assert driver is not None
    assert driver.attrib == {"name": "qemu", "type": "qcow2", **guest_io.VARIANTS[variant].driver}


def test_each_round_begins_with_another_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def run(self: Runner, guest: object, options: Options) -> Sample:
        ran.append(options.cpu)
        return {}

    monkeypatch.setattr(Runner, "run", run)
    variants = {name: Options(cpu=name) for name in "abcd"}
    found = Runner.__new__(Runner).samples(guest_options.LINUX, variants, 4)
    assert "".join(ran) == "abcdbcdacdabdabc"
    assert {name: len(samples) for name, samples in found.items()} == dict.fromkeys("abcd", 4)


def test_guests_times_are_seconds_by_their_name() -> None:
    console = "SYSLINUX\r\nguest: userspace 0.81\r\nguest: timed zeros 1500000\r\nguest: timed discard 250\r\n"
    assert measured(console) == {"zeros": 1.5, "discard": 0.00025}


def test_guest_that_could_not_do_what_it_should_is_no_sample() -> None:
    with pytest.raises(command.TestNodeError, match="FAILED zeros"):
        measured("guest: userspace 0.81\r\nguest: FAILED zeros\r\n")
