"""The virtual machines for programs, as JSON: condor-kvm-stage-status(8), "JSON"."""

from __future__ import annotations

from typing import Any

from .. import __version__
from .vm import Vm, Vms


def document(vms: Vms) -> dict[str, Any]:
    """Return the document."""
    return {"version": __version__, "vms": [_entry(vm) for vm in vms.of_jobs], "others": vms.others}


def _entry(vm: Vm) -> dict[str, Any]:
    return {
        "job": vm.job,
        "owner": vm.owner or None,
        "name": vm.name,
        "uuid": vm.uuid,
        "state": vm.state,
        "reason": vm.reason or None,
        "images": list(vm.images),
        "memory_bytes": vm.memory,
        "cpus": vm.cpus,
        "disk_bytes": vm.disk,
        "cpu_seconds": vm.cpu_seconds,
        "started": None if vm.started is None else int(vm.started),
        "address": vm.address or None,
        "console": vm.console or None,
    }
