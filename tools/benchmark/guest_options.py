"""The effect of each option of a guest's machine on its start: HTCondor's compared with others, alternating.

If KVM cannot run Linux (testnode.linux_guest.runs_on_kvm), QEMU emulates the processor of the Linux guest. Its times
are longer then, and the savings of an option a smaller part of them.
"""

from __future__ import annotations

from pathlib import Path

from testnode import guest, linux_guest
from testnode.node import Node

from .domain_xml import Options
from .guest_runs import Guest, Runner, Sample
from .results import Result
from .scene import Scene

SECTION = "Options of a guest"
ROUNDS = 3

STOCK, AGAIN = "HTCondor's", "HTCondor's, again"  # two measurements of the same show the random variation
_OURS = {"cache": "unsafe", "discard": "unmap"}
# Options of the machine that affect the boot
MACHINES = {
    STOCK: Options(),
    AGAIN: Options(),
    "no USB controller": Options(usb=False),
    "no balloon": Options(balloon=False),
    "no merged pages": Options(merged=False),
    "machine q35": Options(machine="q35"),
    "our disk, no USB, no balloon": Options(_OURS, usb=False, balloon=False),
}
CPUS = {
    "CPU host-model": Options(cpu="host-model"),
    "CPU maximum": Options(cpu="maximum"),
    "QEMU's default CPU": Options(cpu=""),
}

LINUX = Guest("linux.qcow2", linux_guest.BEGINS, linux_guest.ENDS, 512, linux_guest.runs_on_kvm())
HELLO = Guest("hello.qcow2", "hello from the guest", "powering off", 64, True)


def measure(scene: Scene) -> list[Result]:
    """Return the results. Leaves two images on the share."""
    return _measure(scene.worker, scene.share, ROUNDS)


def _measure(worker: Node, share: Path, rounds: int) -> list[Result]:
    linux_guest.write_image(share / LINUX.image, "qcow2", "")
    guest.write_base(share / HELLO.image, "qcow2")
    runner = Runner(worker)
    linux = runner.samples(LINUX, {**MACHINES, **(CPUS if LINUX.kvm else {})}, rounds)
    hello = runner.samples(HELLO, {**MACHINES, **CPUS}, rounds)
    on = "on KVM" if LINUX.kvm else "its processor emulated"
    boots = ((f"Linux, {on}", linux), ("the guest of 512 bytes, on KVM", hello))
    return [
        *(_result(f"{what}: from virsh create to its first line", "s", found, "speaks") for what, found in boots),
        *(_result(f"{what}: QEMU's processor time until then", "s", found, "processor") for what, found in boots),
    ]


def _result(case: str, unit: str, samples: dict[str, list[Sample]], key: str) -> Result:
    return Result(SECTION, case, unit, {name: [sample[key] for sample in found] for name, found in samples.items()})
