"""Find out which virtual machines of jobs run: libvirt says which, and how; its files of them say the rest."""

from __future__ import annotations

import os
import stat

from ..host import FactsError, Host
from ..job import id_of_guest
from ..leftovers import guest_definition, guest_status, job_domains
from ..leftovers.guest_status import GuestStatus
from ..leftovers.private_dirs import SUFFIX
from ..policy.load import load
from ..policy.model import PolicyError
from ..processes import user_name
from ..record import replace
from . import console, libvirt
from .libvirt import DomainState
from .vm import Vm, Vms


def collect(host: Host, program: str, details: bool) -> Vms:
    """Return what runs. Raises NotKnown. details: also addresses and consoles. program: see Watchdog."""
    running = libvirt.domains(host)
    boot = _boot_time(host)
    guests: list[GuestStatus] = []
    others = 0
    for name in sorted(running):
        guest = guest_status.of_name(name)
        if guest:
            guests.append(guest)
        elif guest_status.exists(name):  # else it has ended in the meantime
            others += 1
    vms = [_vm(host, guest, running[guest.name], boot) for guest in guests]
    return Vms(tuple(_with_details(host, program, guests, vms) if details and vms else vms), others)


def _vm(host: Host, guest: GuestStatus, domain: DomainState, boot: int | None) -> Vm:
    definition = guest.definition
    user = guest_definition.user(definition)
    return Vm(
        name=guest.name,
        uuid=guest.uuid,
        job=id_of_guest(guest.name),
        owner="" if user is None else user_name(user),
        state=domain.state,
        reason=domain.reason,
        images=tuple(guest_definition.images(definition)),
        memory=guest_definition.memory(definition),
        cpus=guest_definition.cpus(definition),
        disk=_used(guest),
        started=_start_time(host, guest.pid, boot),
        cpu_seconds=domain.cpu_seconds,
    )


def _with_details(host: Host, program: str, guests: list[GuestStatus], vms: list[Vm]) -> list[Vm]:
    macs = [guest_definition.macs(guest.definition) for guest in guests]
    addresses = libvirt.start_asking_addresses(host) if any(macs) else dict
    try:
        largest = load().guest.console
    except PolicyError:
        largest = 0  # no console can be told to be whole
    users = [guest_definition.user(guest.definition) for guest in guests]
    scratches = [guest.job.scratch for guest in guests]
    lines = console.last_lines(zip(scratches, users), largest, program)
    leased = addresses()
    return [
        replace(vm, address=next((leased[mac] for mac in own if mac in leased), ""), console=line)
        for vm, own, line in zip(vms, macs, lines)
    ]


def _used(guest: GuestStatus) -> int | None:
    """Return the bytes that the disks use in the private directory, in which only root can change a name."""
    own = [
        path for path in guest_definition.disks(guest.definition) if path.startswith(f"{guest.job.scratch}{SUFFIX}/")
    ]
    try:
        found = [os.lstat(path) for path in own]
    except OSError:  # it has ended just now
        return None
    return sum(status.st_blocks * 512 for status in found if stat.S_ISREG(status.st_mode))


def _start_time(host: Host, pid: int, boot: int | None) -> float | None:
    try:
        ticks = job_domains.start_time(host, pid)
    except FactsError:
        return None
    return None if ticks is None or boot is None else boot + ticks / os.sysconf("SC_CLK_TCK")


def _boot_time(host: Host) -> int | None:
    """Return when the host started, as Unix time (proc_stat(5))."""
    for line in (host.text("/proc/stat") or "").splitlines():
        if line.startswith("btime "):
            return int(line.split()[1])
    return None
