"""Which libvirt the host has, and which networks it can give to guests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...answer import Answer
from ...host import Host
from ...leftovers.virsh import URI
from ...record import dataclass
from ..outcome import PASSED, Outcome, failed, not_tried, unknown
from .versions import version_in

# libvirt's modular daemon, then the monolithic one (libvirt's "Daemons" page): its program, and where it listens
DAEMONS = {"virtqemud": "/run/libvirt/virtqemud-sock", "libvirtd": "/run/libvirt/libvirt-sock"}
_NETWORK = "default"
_KINDS = (".service", ".socket", "-ro.socket", "-admin.socket")  # the units of a daemon
# virsh's message if it has reached libvirt: there is no such network, or nothing that has networks
_HAS_NOT = "failed to get network"
# Its messages if it has not; the second names the socket at which libvirt's library looks for its daemon
_NOT_REACHED, _NO_SOCKET = "failed to connect to the hypervisor", "Failed to connect socket to "


@dataclass(frozen=True)
class Libvirt:
    """libvirt on this host."""

    listens: Outcome  # whether a daemon for QEMU accepts connections
    daemon: str  # the name of its program, "" if none is installed
    version: tuple[int, ...]  # such as (12, 8, 0), () if unknown
    nat_network: Outcome  # whether libvirt's network `default` is active; not tried, or unknown: libvirt did not say
    passt: bool  # whether passt is installed, for user-mode networking
    masked: tuple[str, ...] = ()  # the daemon's systemd units that the administrator has masked


def probe(host: Host) -> Libvirt:
    """Connect to libvirt's sockets, as HTCondor's vm-gahp will, and find the rest."""
    return start(host)()


def start(host: Host) -> Callable[[], Libvirt]:
    """Start asking libvirt for its version and network. Returns a function that completes the probe."""
    daemon = next((name for name in DAEMONS if host.program(name)), "")
    version = host.start(daemon, "--version") if daemon else None
    # Its state in /run does not tell: libvirt's daemon for networks may start, and they with it, when somebody asks.
    # As root, like the vm-gahp; other users may be prompted for a password
    ask = ("virsh", "--quiet", "--connect", URI, "net-info", _NETWORK)
    network = host.start(*ask) if daemon and host.is_root() else None

    def answer() -> Libvirt:
        listens = _listens(host)
        said = network() if network else None
        if listens.passed and said and _NOT_REACHED in said.errors and _NO_SOCKET in said.reason:
            # The socket that accepts is virtproxyd's, for old clients: libvirtd's, which a library that was built for
            # the modular daemons does not try
            listens = failed(f"no libvirt daemon listens ({said.reason.removeprefix('error: ')})")
        return Libvirt(
            listens=listens,
            daemon=daemon,
            version=version_in(version().output) if version else (),
            nat_network=_network(daemon, listens, said),
            passt=bool(host.program("passt")),
            masked=_masked(host, daemon) if daemon else (),
        )

    return answer


def _masked(host: Host, daemon: str) -> tuple[str, ...]:
    """Return the units that are links to /dev/null, which is what masking makes of them (systemctl(1))."""
    units = [f"{daemon}{kind}" for kind in _KINDS]
    return tuple(unit for unit in units if host.path(f"/etc/systemd/system/{unit}").resolve() == Path("/dev/null"))


def _listens(host: Host) -> Outcome:
    reasons = []
    for path in DAEMONS.values():
        refusal = host.refusal(path)
        if not refusal:
            return PASSED
        reasons.append(f"{path}: {refusal}")
    if any("timed out" in reason for reason in reasons):
        return unknown("libvirt's daemon does not accept connections in time (" + ", ".join(reasons) + ")")
    return failed("no libvirt daemon listens (" + ", ".join(reasons) + ")")


def _network(daemon: str, listens: Outcome, said: Answer | None) -> Outcome:
    """Return whether the network is active, as libvirt says."""
    if not daemon:
        return failed("there is no libvirt")
    if not listens.passed:
        return not_tried("libvirt does not answer")
    if not said:
        return not_tried("only root can ask libvirt")
    if said.late:
        return unknown(said.reason)
    if said.status != 0 and _HAS_NOT not in said.errors:
        return not_tried(said.reason)
    fields = dict(line.split(None, 1) for line in said.output.splitlines() if len(line.split(None, 1)) == 2)
    if fields.get("Active:") == "yes":
        return PASSED
    return failed(
        f"libvirt's network '{_NETWORK}' is not active" if said.status == 0 else said.reason.removeprefix("error: ")
    )
