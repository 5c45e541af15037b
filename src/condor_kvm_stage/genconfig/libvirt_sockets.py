"""Let libvirt listen: start the sockets that this node needs, if they are installed and do not listen yet.

EL and Fedora enable them when libvirt is installed, but start them at the next boot; openSUSE does not enable them.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..host import Host
from ..messages import NOTICE, Message
from ..policy.model import Policy
from .probes import kvm
from .probes.libvirt import DAEMONS

_MODULAR, _MONOLITHIC = DAEMONS
_NETWORKS = "virtnetworkd.socket"  # the modular daemon for them; the monolithic one has them itself
_PROXY = "virtproxyd.socket"  # what listens for old clients in the monolithic daemon's place, beside the modular ones
_PROPERTIES = ("Id", "LoadState", "ActiveState", "UnitFileState")
_ENABLED = ("enabled", "enabled-runtime", "static", "alias")


def start(host: Host, policy: Policy) -> Iterator[Message]:
    """Start the sockets, if this is root and the node has KVM. Yields a message for what was done or failed.

    Only those of one kind of daemon: to start a modular socket stops the monolithic one. A masked one stays stopped.
    """
    if not host.is_root() or not kvm.probe(host).usable:
        return
    sockets = [f"{daemon}.socket" for daemon in DAEMONS]
    shown = units(host, *sockets, _NETWORKS, _PROXY)
    listening = [daemon for daemon, path in DAEMONS.items() if not host.refusal(path)]
    if shown.get(_PROXY, {}).get("ActiveState") == "active" and _MONOLITHIC in listening:
        listening.remove(_MONOLITHIC)
    daemon = listening[0] if listening else _chosen(shown)
    needed = [f"{daemon}.socket"] if daemon and not listening else []
    if daemon == _MODULAR and "nat" in policy.network.types:
        needed.append(_NETWORKS)
    stopped = [name for name in needed if _can_start(shown.get(name, {}))]
    masked = [name for name in sockets if shown.get(name, {}).get("LoadState") == "masked"]
    if masked and not listening and not stopped:
        how = f"systemctl unmask {masked[0]}; systemctl enable --now {masked[0]}"
        yield Message(f"{masked[0]} is masked, so libvirt does not listen. To run VM jobs: {how}", NOTICE)
    if not stopped:
        return
    started = host.run("systemctl", "start", *stopped)
    if started.status == 0:
        yield Message(f"Started {', '.join(stopped)}, so that libvirt listens")
    else:
        yield Message(f"Cannot start {', '.join(stopped)}, on which libvirt is to listen: {started.reason}", NOTICE)


def units(host: Host, *names: str) -> dict[str, dict[str, str]]:
    """Return what systemd knows of units, by their names; {} without systemd."""
    said = host.run("systemctl", "show", f"--property={','.join(_PROPERTIES)}", *names)
    blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in said.output.strip().split("\n\n")]
    return {block["Id"]: block for block in blocks if "Id" in block}


def _chosen(shown: dict[str, dict[str, str]]) -> str:
    """Return the daemon whose socket is to be started: one that is enabled, else the modular one; "" for none."""
    there = [name for name in DAEMONS if _can_start(shown.get(f"{name}.socket", {}))]
    enabled = [name for name in there if shown[f"{name}.socket"].get("UnitFileState") in _ENABLED]
    return next(iter([*enabled, *there]), "")


def _can_start(unit: dict[str, str]) -> bool:
    return unit.get("LoadState") == "loaded" and unit.get("ActiveState") in ("inactive", "failed")
