"""Facts about the machine and the node that were measured, to compare with others. Without host names."""

from __future__ import annotations

import datetime
import os
import re
from pathlib import Path

from testnode import linux_guest
from testnode.node import Node

from .scene import SCRATCH, SHARE

_MIB = 1 << 20


def facts(worker: Node) -> dict[str, str]:
    """Return the facts by name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "processor": _first(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8")),
        "processors": str(os.cpu_count()),
        "memory": f"{memory} MiB",
        "kernel": os.uname().release,
        "Linux guests": "on KVM" if linux_guest.runs_on_kvm() else "their processor emulated",
        "virtualisation": _said(worker, ["systemd-detect-virt", "--vm"], r"(\S+)"),
        "share and scratch directory": _file_systems(worker),
        "node": _said(worker, ["cat", "/etc/os-release"], r'PRETTY_NAME="(.*)"')
        + ", in a container, its files in memory",
        "HTCondor": _said(worker, ["condor_version"], r"CondorVersion: (\S+)"),
        "QEMU": _said(worker, ["qemu-img", "--version"], r"version (\S+)"),
        "Python": _said(worker, ["python3", "--version"], r"Python (\S+)"),
        "bash": _said(worker, ["bash", "--version"], r"version (\S+)"),
        "condor-kvm-stage": _said(worker, ["rpm", "--query", "condor-kvm-stage"], r"condor-kvm-stage-(\S+)"),
    }


def _file_systems(worker: Node) -> str:
    mounts = worker.run(["cat", "/proc/mounts"]).stdout
    kinds = [_first(rf"^\S+ {place} (\S+) ", mounts) for place in (SHARE, SCRATCH)]
    return f"{' and '.join(dict.fromkeys(kinds))} of this machine, bound into the node"


def _said(worker: Node, command: list[str], pattern: str) -> str:
    return _first(pattern, worker.run(command, check=False).stdout)


def _first(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    return match[1] if match else "unknown"
