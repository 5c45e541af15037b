"""What condor-kvm-stage-status says on a node, and how fast; and what is in the node's journal."""

from __future__ import annotations

import json
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from testnode.node import Node

PROGRAM = "condor-kvm-stage-status"
Vm = dict[str, Any]


def vms(worker: Node) -> dict[str, Vm]:
    """Return what it says of the virtual machines, by job."""
    document = json.loads(worker.run([PROGRAM, "--json"]).stdout)
    return {vm["job"]: vm for vm in document["vms"]}


def metrics(worker: Node) -> dict[str, dict[frozenset[str], float]]:
    """Return the metrics, as Prometheus' parser reads them: values by the labels' values, by name."""
    return parsed(worker.run([PROGRAM, "--metrics"], check=False).stdout)


def parsed(text: str) -> dict[str, dict[frozenset[str], float]]:
    found: dict[str, dict[frozenset[str], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name.removeprefix("condor_kvm_stage_")
            found.setdefault(name, {})[frozenset(sample.labels.values())] = sample.value
    return found


def events(worker: Node, job: str) -> list[dict[str, str]]:
    """Return the entries in the journal about a job, the oldest first."""
    text = worker.run(["journalctl", "--no-pager", "-o", "json", f"KVM_STAGE_JOB={job}"]).stdout
    return [json.loads(line) for line in text.splitlines()]
