"""Which libvirt the host has, and which networks it can give to guests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...host import Host
from ..outcome import PASSED, Outcome, failed, unknown
from .versions import version_in

# libvirt's modular daemon, then the monolithic one (libvirt's "Daemons" page)
_SOCKETS = ("/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock")
_DAEMONS = ("virtqemud", "libvirtd")


@dataclass(frozen=True)
class Libvirt:
    """libvirt on this host."""

    listens: Outcome  # whether a daemon for QEMU accepts connections
    daemon: str  # the name of its program, "" if none is installed
    version: tuple[int, ...]  # such as (12, 8, 0), () if unknown
    nat_network: bool  # whether libvirt's network `default` is active
    passt: bool  # whether passt is installed, for user-mode networking


def probe(host: Host) -> Libvirt:
    """Connect to libvirt's sockets, as HTCondor's vm-gahp will, and find the rest."""
    return start(host)()


def start(host: Host) -> Callable[[], Libvirt]:
    """Start asking the daemon for its version. Returns a function that completes the probe."""
    daemon = next((name for name in _DAEMONS if host.program(name)), "")
    version = host.start(daemon, "--version") if daemon else None
    return lambda: Libvirt(
        listens=_listens(host),
        daemon=daemon,
        version=version_in(version().output) if version else (),
        # libvirt keeps the state of each active network here
        nat_network=host.exists("/run/libvirt/network/default.xml"),
        passt=bool(host.program("passt")),
    )


def _listens(host: Host) -> Outcome:
    reasons = []
    for path in _SOCKETS:
        refusal = host.refusal(path)
        if not refusal:
            return PASSED
        reasons.append(f"{path}: {refusal}")
    if any("timed out" in reason for reason in reasons):
        return unknown("libvirt's daemon does not accept connections in time (" + ", ".join(reasons) + ")")
    return failed("no libvirt daemon listens (" + ", ".join(reasons) + ")")
