"""The metrics: Prometheus' own parser reads from them what is so, whatever is in the labels."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage import __version__
from condor_kvm_stage.status import metrics
from condor_kvm_stage.status.vm import Vm, Vms
from condor_kvm_stage.text import printable
from support.vms import ALICE, BERNARD, UNKNOWN

# Prometheus' parser, which not every machine has that builds the package
pytestmark = pytest.mark.needs_prometheus_client

PREFIX = "condor_kvm_stage_"
BASE_UNITS = ("seconds", "bytes", "info", "total", "up", "vms", "cpus")
# As it comes from a file name, or from the passwd file
ANY = st.binary(max_size=60).map(lambda data: data.decode("utf-8", "surrogateescape"))
VM = st.builds(
    Vm,
    name=st.uuids().map(str),
    uuid=ANY,
    job=ANY,
    owner=ANY,
    state=st.sampled_from(["running", "paused", "crashed", "other", "disk_full"]),
    reason=st.sampled_from(["", "disk full", "by command"]),
    images=st.lists(ANY, max_size=3).map(tuple),
    memory=st.integers(0, 1 << 45),
    cpus=st.integers(0, 255),
    disk=st.none() | st.integers(0, 1 << 45),
    started=st.none() | st.floats(0, 4e9),
    cpu_seconds=st.none() | st.floats(0, 1e12),
    address=ANY,
    console=ANY,
)


def parsed(text: str) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    """The values by labels, by name, as Prometheus' parser for Python reads them."""
    from prometheus_client.parser import text_string_to_metric_families

    found: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            values = found.setdefault(sample.name.removeprefix(PREFIX), {})
            labels = frozenset(sample.labels.items())
            assert labels not in values
            values[labels] = sample.value
    return found


def of(vm: Vm) -> frozenset[tuple[str, str]]:
    return frozenset({("vm", printable(vm.name))})


@given(st.lists(VM, max_size=4, unique_by=lambda vm: vm.name), st.integers(0, 5))
def test_parser_reads_what_is_so(vms: list[Vm], others: int) -> None:
    found = parsed(metrics.text(Vms(tuple(vms), others)))
    assert sum(found["vms"].values()) == len(vms)
    assert list(found["other_vms"].values()) == [others]
    assert len(found.get("vm_info", {})) == len(vms)
    for vm in vms:
        assert found["vm_memory_bytes"][of(vm)] == vm.memory
        assert found["vm_cpus"][of(vm)] == vm.cpus
        for name, value in (
            ("vm_disk_used_bytes", vm.disk),
            ("vm_start_time_seconds", vm.started),
            ("vm_cpu_seconds_total", vm.cpu_seconds),
        ):
            assert found.get(name, {}).get(of(vm)) == value
        labels = {"vm": vm.name, "job_id": vm.job, "owner": vm.owner, "images": ", ".join(vm.images)}
        assert frozenset((key, printable(text)) for key, text in labels.items()) in found["vm_info"]


@given(st.lists(VM, max_size=3))
def test_no_label_can_be_another_line(vms: list[Vm]) -> None:
    lines = metrics.text(Vms(tuple(vms), 0)).split("\n")
    assert lines.pop() == ""
    assert all(re.fullmatch(rf"(# (HELP|TYPE) )?{PREFIX}[a-z_]+(\{{.*\}})? [^\n]+", line) for line in lines)
    assert "".join(lines).isprintable()


def test_names_types_and_helps_follow_the_conventions() -> None:
    from prometheus_client.parser import text_string_to_metric_families

    families = list(text_string_to_metric_families(metrics.text(Vms((ALICE, BERNARD), 0))))
    assert len({family.name for family in families}) == len(families)
    for family in families:
        names = {sample.name for sample in family.samples}
        assert len(names) == 1
        assert family.documentation.endswith(".")
        assert names.pop().endswith(BASE_UNITS)
        assert (family.type == "counter") == any(sample.name.endswith("_total") for sample in family.samples)
        # Prometheus sets these itself
        assert not {"job", "instance"} & {label for sample in family.samples for label in sample.labels}


def test_unknown_is_not_zero() -> None:
    found = parsed(metrics.text(Vms((UNKNOWN,), 0)))
    assert not {"vm_disk_used_bytes", "vm_start_time_seconds", "vm_cpu_seconds_total"} & set(found)
    assert parsed(metrics.text(None)) == {
        "build_info": {frozenset({("version", __version__)}): 1},
        "libvirt_up": {frozenset(): 0},
    }


def test_metrics_are_as_recorded(golden: Callable[[str, str], None]) -> None:
    golden("status/metrics.prom", metrics.text(Vms((ALICE, BERNARD, UNKNOWN), 1)).replace(__version__, "VERSION"))
