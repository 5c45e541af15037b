"""Collect the facts about this host. Nothing here decides or prints."""

from __future__ import annotations

from collections.abc import Callable

from ...host import Host
from ...record import dataclass
from . import cpu, devices, environment, guest_user, htcondor, kvm, libvirt, memory, programs


@dataclass(frozen=True)
class HostFacts:
    """One host; the module of each field's name explains it."""

    cpu: cpu.Cpu
    kvm: kvm.KvmDevice
    memory: memory.Memory
    environment: environment.Environment
    libvirt: libvirt.Libvirt
    htcondor: htcondor.Htcondor
    devices: devices.Devices
    programs: programs.Programs
    guest_user: guest_user.GuestUser


def collect(host: Host, while_waiting: Callable[[], None] = lambda: None) -> HostFacts:
    """Probe a host. Raises FactsError where /proc is not what proc(5) says, or where this user has no access.

    while_waiting: called during the 30 ms that programs take to answer.
    """
    # First what takes longest
    htcondor_result, libvirt_result, memory_result = htcondor.start(host), libvirt.start(host), memory.start(host)
    while_waiting()
    return HostFacts(
        cpu=cpu.probe(host),
        kvm=kvm.probe(host),
        memory=memory_result(),
        environment=environment.probe(host),
        libvirt=libvirt_result(),
        htcondor=htcondor_result(),
        devices=devices.probe(host),
        programs=programs.probe(host),
        guest_user=guest_user.probe(host),
    )
