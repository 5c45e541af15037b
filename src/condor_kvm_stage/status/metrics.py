"""The virtual machines for Prometheus, in its text format, as node_exporter's textfile collector reads it.

Names follow Prometheus' conventions: base units, `_total` for counters. The label is `vm`, not `job`, which Prometheus
itself uses for what it scrapes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from .. import __version__
from ..text import printable
from .libvirt import DISK_FULL
from .vm import Vm, Vms

_PREFIX = "condor_kvm_stage_"
# Each is always there, with 0 if there is none: a series that comes and goes is hard to alert on
STATES = ("running", "paused", "disk_full", "other")


class Metric(NamedTuple):
    """A metric with its samples: labels and values."""

    name: str  # without the prefix
    kind: str  # gauge or counter
    help: str
    samples: list[tuple[Mapping[str, str], float]]


def text(vms: Vms | None) -> str:
    """Return the metrics. vms: None if libvirt does not say what runs."""
    return "".join(f"{line}\n" for metric in _metrics(vms) for line in _lines(metric))


def _metrics(vms: Vms | None) -> Iterator[Metric]:
    yield Metric("build_info", "gauge", "The version of condor-kvm-stage.", [({"version": __version__}, 1)])
    yield Metric("libvirt_up", "gauge", "Whether libvirt says which virtual machines run.", [({}, vms is not None)])
    if vms is None:
        return
    counts = dict.fromkeys(STATES, 0)
    for vm in vms.of_jobs:
        counts[_state(vm)] += 1
    states: list[tuple[Mapping[str, str], float]] = [({"state": state}, count) for state, count in counts.items()]
    yield Metric("vms", "gauge", "Virtual machines of jobs on this node, by their state.", states)
    yield Metric("other_vms", "gauge", "Virtual machines on this node that are no job's.", [({}, vms.others)])
    infos: list[tuple[Mapping[str, str], float]] = [(_info(vm), 1) for vm in vms.of_jobs]
    yield Metric("vm_info", "gauge", "The job, its user and the images of a virtual machine.", infos)
    for name, kind, words, values in (
        ("vm_cpus", "gauge", "Virtual CPUs of a virtual machine.", [vm.cpus for vm in vms.of_jobs]),
        ("vm_memory_bytes", "gauge", "Memory of a virtual machine.", [vm.memory for vm in vms.of_jobs]),
        ("vm_disk_used_bytes", "gauge", "Space that its disks use in EXECUTE.", [vm.disk for vm in vms.of_jobs]),
        ("vm_start_time_seconds", "gauge", "When it was started, as Unix time.", [vm.started for vm in vms.of_jobs]),
        ("vm_cpu_seconds_total", "counter", "Processor time that it has used.", [vm.cpu_seconds for vm in vms.of_jobs]),
    ):
        yield Metric(name, kind, words, list(_known(vms.of_jobs, values)))


def _known(vms: Iterable[Vm], values: Iterable[float | None]) -> Iterator[tuple[Mapping[str, str], float]]:
    return (({"vm": vm.name}, value) for vm, value in zip(vms, values) if value is not None)


def _info(vm: Vm) -> Mapping[str, str]:
    return {"vm": vm.name, "job_id": vm.job, "owner": vm.owner, "images": ", ".join(vm.images)}


def _state(vm: Vm) -> str:
    if vm.state == "paused" and vm.reason == DISK_FULL:
        return "disk_full"
    return vm.state if vm.state in STATES else "other"


def _lines(metric: Metric) -> Iterator[str]:
    name = _PREFIX + metric.name
    yield f"# HELP {name} {metric.help}"
    yield f"# TYPE {name} {metric.kind}"
    for labels, value in metric.samples:
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{{{shown}}} {_number(value)}" if shown else f"{name} {_number(value)}"


def _escaped(text: str) -> str:
    """Return a label's value; what is not printable, line breaks too, as a backslash escape."""
    return printable(text).replace("\\", "\\\\").replace('"', '\\"')


def _number(value: float) -> str:
    return repr(float(value)) if isinstance(value, float) else str(int(value))
