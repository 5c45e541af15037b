"""Whether libvirt answers, and starting its sockets if they do not listen. As root, like HTCondor's vm-gahp."""

from __future__ import annotations

from ..answer import Answer
from ..genconfig import libvirt_sockets
from ..host import Host
from ..leftovers import virsh
from .faults import Fault
from .state import State

NAME = "libvirt"
_DEADLINE = 15  # seconds for its answer; its daemon may have to start
_SILENT = 60  # seconds without an answer after which it is a fault
_STARTING = 60  # seconds for systemd
# Of the modular daemons, and of the one before them. Only what is enabled is started: each excludes the other
_SOCKETS = ("virtqemud.socket", "virtnetworkd.socket", "libvirtd.socket")


def ask(host: Host, state: State, now: int) -> list[Fault]:
    """Ask libvirt for its domains: a daemon that hangs accepts connections all the same."""
    answer = _ask(host)
    if state.is_silent(NAME, not answer.late, now, _SILENT):
        return [Fault(NAME, f"libvirt does not answer: {answer.reason}")]
    if answer.late:
        return [Fault(NAME, state.faults[NAME])] if NAME in state.faults else []
    return [Fault(NAME, answer.reason.removeprefix("error: "))] if answer.status != 0 else []


def start(host: Host) -> list[str]:
    """Start those of libvirt's sockets that are enabled and do not listen. Returns which listen now."""
    shown = libvirt_sockets.units(host, *_SOCKETS)
    enabled = [unit for unit in _SOCKETS if shown.get(unit, {}).get("UnitFileState") == "enabled"]
    stopped = [unit for unit in enabled if shown[unit].get("ActiveState") != "active"]
    return [unit for unit in stopped if host.run("systemctl", "start", unit, timeout=_STARTING).status == 0]


def network_is_active(host: Host, name: str) -> bool:
    """Return whether a network is active. virtnetworkd starts those that are to be when it is asked."""
    if host.exists(f"/run/libvirt/network/{name}.xml"):
        return True
    return name in virsh.run(host, _DEADLINE, "net-list", "--name").output.split()


def _ask(host: Host) -> Answer:
    return virsh.run(host, _DEADLINE, "list", "--name")
