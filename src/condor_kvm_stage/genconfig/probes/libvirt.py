"""What libvirt and QEMU the host has, and what network libvirt can give to guests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...host import Host
from .versions import version_in

# libvirt's modular daemon, then the monolithic one (libvirt's "Daemons" page)
_SOCKETS = ("/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock")
_DAEMONS = ("virtqemud", "libvirtd")


@dataclass(frozen=True)
class Libvirt:
    """fault: why no libvirt daemon for QEMU listens, "" if one does. daemon: its program's name, "" for none.

    version: as (12, 8, 0), () if unknown. nat_network: whether libvirt's network `default` is active. passt: whether
    that program, for user-mode networking, is installed.
    """

    fault: str
    daemon: str
    version: tuple[int, ...]
    nat_network: bool
    passt: bool


def probe(host: Host) -> Libvirt:
    """Connect to libvirt's sockets, as HTCondor's vm-gahp will, and look for the rest."""
    return start(host)()


def start(host: Host) -> Callable[[], Libvirt]:
    """Let the daemon's program begin to say its version. Returns what does the rest of probe()."""
    daemon = next((name for name in _DAEMONS if host.program(name)), "")
    version = host.start(daemon, "--version") if daemon else None
    return lambda: Libvirt(
        fault=_fault(host),
        daemon=daemon,
        version=version_in(version().output) if version else (),
        # libvirt keeps the state of each active network here
        nat_network=host.exists("/run/libvirt/network/default.xml"),
        passt=bool(host.program("passt")),
    )


def _fault(host: Host) -> str:
    reasons = []
    for path in _SOCKETS:
        refusal = host.refusal(path)
        if not refusal:
            return ""
        reasons.append(f"{path}: {refusal}")
    return "no libvirt daemon listens (" + ", ".join(reasons) + ")"
