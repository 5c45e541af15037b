"""Whether the guest facts, which the generator writes at boot, are there and still true; if not, writes them again.

To find out takes a third of a second, so it is done only when something has changed that they depend on.
"""

from __future__ import annotations

import hashlib
import os

from .. import atomic_file, guest_facts, installed
from ..genconfig.probes import guest_support, programs, virtiofs
from ..genconfig.snippet import wanted
from ..guest_facts import GuestFacts
from ..host import Host
from ..policy.model import Policy
from .faults import Fault
from .state import State

NAME = "guest-facts"
_DEPENDS_ON = (
    "/usr/sbin/virtqemud",
    "/usr/sbin/libvirtd",
    "/usr/share/qemu/firmware",
    "/etc/qemu/firmware",
    *virtiofs.DIRECTORIES,
    "/etc/libvirt/qemu.conf",
    "/dev/kvm",
)


def compare(host: Host, policy: Policy, state: State, heal: bool) -> tuple[list[Fault], str]:
    """Return a fault if the facts are not those of this host, and what was put right, "" for nothing.

    Call this only while libvirt and /dev/kvm answer. Raises WriteError, FactsError.
    """
    checksum = _checksum(host)
    if checksum == state.facts:
        return [], ""
    there = guest_facts.read(host)
    support = guest_support.probe(host)
    if not support.capabilities.passed or support.cpu.unknown or support.files.unknown:
        # Not known; tried again the next time
        return [Fault(NAME, state.faults[NAME])] if NAME in state.faults else [], ""
    types, bridge = (there.networks, there.bridge) if there else _networks(host, policy)
    true = support.offered(tuple(types), bridge)
    if true == there:
        state.facts = checksum
        return [], ""
    what = _difference(there, true)
    if not heal:
        return [Fault(NAME, f"what the node knows of its guests' hardware has changed: {what}")], ""
    atomic_file.write(host.path(installed.GUEST_FACTS), guest_facts.to_bytes(true))
    state.facts = _checksum(host)
    return [], f"wrote what has changed of the guests' hardware to {installed.GUEST_FACTS}: {what}"


def _checksum(host: Host) -> str:
    """Return a checksum of the facts, and of name, size and time of what they depend on."""
    found = hashlib.sha256((host.text(installed.GUEST_FACTS) or "").encode())
    for path in (programs.emulator(host), *_DEPENDS_ON):
        try:
            status = os.stat(host.path(path))
        except OSError:
            continue
        # A device's time changes with its use
        seen = status.st_rdev or (status.st_size, status.st_mtime_ns, status.st_ino)
        found.update(f"{path} {seen}\n".encode())
    return found.hexdigest()


def _networks(host: Host, policy: Policy) -> tuple[tuple[str, ...], str]:
    offer = wanted.for_host(host, policy).values.network
    return offer.types, offer.bridge


def _difference(there: GuestFacts | None, true: GuestFacts) -> str:
    if there is None:
        return "there were none"
    names = [name for name in vars(true) if getattr(there, name) != getattr(true, name)]
    return ", ".join(f"{name} was {getattr(there, name)!r}, is {getattr(true, name)!r}" for name in names)
