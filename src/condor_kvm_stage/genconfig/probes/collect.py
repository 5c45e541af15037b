"""What is true of this host, put together. Nothing here decides or prints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...host import Host
from . import cpu, devices, environment, htcondor, kvm, libvirt, memory, programs


@dataclass(frozen=True)
class HostFacts:
    """One host; each field is explained in the module of its name."""

    cpu: cpu.Cpu
    kvm: kvm.KvmDevice
    memory: memory.Memory
    environment: environment.Environment
    libvirt: libvirt.Libvirt
    htcondor: htcondor.Htcondor
    devices: devices.Devices
    programs: programs.Programs


def collect(host: Host, meanwhile: Callable[[], None] = lambda: None) -> HostFacts:
    """Probe a host. Raises FactsError where /proc is not what proc(5) says, or where this user may not look.

    meanwhile: what else there is to do, for the 30 ms that programs take to answer.
    """
    libvirt_says, htcondor_says = libvirt.start(host), htcondor.start(host)
    meanwhile()
    return HostFacts(
        cpu=cpu.probe(host),
        kvm=kvm.probe(host),
        memory=memory.probe(host),
        environment=environment.probe(host),
        libvirt=libvirt_says(),
        htcondor=htcondor_says(),
        devices=devices.probe(host),
        programs=programs.probe(host),
    )
