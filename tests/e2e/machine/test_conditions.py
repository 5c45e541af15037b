"""Each condition of an NFS server: what comes of staging, an upload, and a guest that runs; what the node says."""

from __future__ import annotations

import pytest

from e2e.machine import conditions, record, rows
from e2e.machine.conditions import Condition
from e2e.machine.readers import Readers
from testnode import stages
from testnode.node import Node

pytestmark = [pytest.mark.full, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def readers(nfs: Node) -> Readers:
    stages.wait_for_vm_universe(nfs, True)
    return Readers(nfs)


@pytest.mark.parametrize("condition", conditions.CONDITIONS, ids=lambda condition: condition.text.replace(" ", "-"))
def test_jobs_guests_and_the_node_learn_what_is_wrong_with_the_server_in_time(
    nfs: Node, readers: Readers, condition: Condition
) -> None:
    row = rows.measure(nfs, condition.make, condition.places, readers, list(condition.before), list(condition.during))
    for column, cells in row.items():
        for cell in cells:
            print(f"{column}: {cell}")
    record.add(record.RECORD, condition.text, row)
    assert condition.wrong(row, record.SLACK) == []
