"""The condor_master of this node: whether it runs, and which configuration it reads.

A host can have others: HTCondor-CE's, a user's own, those of containers.
"""

from __future__ import annotations

import os
import re

from ...host import FactsError, Host

_SERVICE = re.compile(r"/([^/]+\.service)(?=/|$)", re.MULTILINE)
_OURS = "condor.service"


def is_running(host: Host) -> bool:
    """Return whether the condor_master of this node runs."""
    return bool(_pids(host))


def environment(host: Host) -> dict[str, str]:
    """Return what HTCondor's tools need in their environment to read what the running condor_master reads."""
    for pid in _pids(host):
        if config := _config(host, pid):
            return {"CONDOR_CONFIG": config}
    return {}


def _pids(host: Host) -> list[str]:
    processes = [name for name in host.names("/proc") if name.isdecimal()]
    masters = [pid for pid in processes if _text(host, f"/proc/{pid}/comm") == "condor_master\n"]
    return [pid for pid in masters if _is_ours(host, pid)]


def _is_ours(host: Host, pid: str) -> bool:
    """Return whether a condor_master is neither in a container of this host nor another service's or user's.

    A service of another name is ours if it reads the node's configuration, and a master without one (in a container
    without systemd, from a shell), too.
    """
    if _namespace(host, pid) != _namespace(host, "1"):
        return False
    services = _SERVICE.findall(_text(host, f"/proc/{pid}/cgroup"))
    return not services or _OURS in services or not _config(host, pid)


def _config(host: Host, pid: str) -> str:
    words = _text(host, f"/proc/{pid}/environ").split("\0")
    return next((word.partition("=")[2] for word in words if word.startswith("CONDOR_CONFIG=")), "")


def _namespace(host: Host, pid: str) -> str:
    """Return a process's PID namespace, "" if that is unknown."""
    try:
        return os.readlink(host.path(f"/proc/{pid}/ns/pid"))
    except OSError:  # not root, or it has just ended
        return ""


def _text(host: Host, path: str) -> str:
    try:
        return host.text(path) or ""
    except FactsError:  # of another user
        return ""
