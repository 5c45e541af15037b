"""The commands of docs/alerting.md, and the print format, on a node with a fault and without."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.health import worker as health
from testnode import recipe
from testnode.node import Node

pytestmark = [pytest.mark.guest, pytest.mark.full]

PAGE = (Path(__file__).parents[3] / "docs/alerting.md").read_text(encoding="utf-8")
TABLE, SICK, UNWATCHED, NEW, METRICS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
(CRON,) = re.findall(r"^\*/10 \* \* \* \* condor (.*)$", PAGE, re.MULTILINE)
REASON = f"{recipe.HOSTNAME}\tshare\t{health.SHARE} is not mounted\n"


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with health.node(health.POLICY) as worker:
        yield worker


def shell(node: Node, command: str) -> str:
    done = node.run(["sh", "-c", command])
    assert done.stderr == ""
    return done.stdout


def row(node: Node) -> dict[str, str]:
    """The node's line of the table, by the headings; the last has words."""
    headings, line = shell(node, TABLE).splitlines()
    names = headings.split()
    if "\t" in line:
        raise AssertionError(line)
    return dict(zip(names, re.split(r" +", line.strip(), maxsplit=len(names) - 1)))


def metrics(node: Node) -> dict[str, float]:
    """Parse Prometheus' text format, as far as it is used."""
    help_, kind, *lines = shell(node, METRICS).splitlines()
    assert help_.startswith("# HELP kvm_stage_node_healthy ")
    assert kind == "# TYPE kvm_stage_node_healthy gauge"
    found = [re.fullmatch(r'kvm_stage_node_healthy\{node="([a-z.]+)"\} (\d)', line) for line in lines]
    return {match[1]: float(match[2]) for match in found if match}


def test_node_that_is_healthy(node: Node) -> None:
    table = row(node)
    assert (table["NODE"], table["VMS"], table["HEALTHY"]) == (recipe.HOSTNAME, "0", "yes")
    assert int(table["FREE"]) > 0
    assert 0 < int(table["DISK"]) <= 192
    assert [shell(node, command) for command in (SICK, CRON, NEW, UNWATCHED)] == [""] * 4
    assert metrics(node) == {recipe.HOSTNAME: 1}


def test_node_that_is_not(node: Node) -> None:
    with health.unmounted(node):
        health.wait_for(node, "share")
        table = row(node)
        assert (table["HEALTHY"], table["FAILED"]) == ("no", "share")
        assert table["REASON"] == f"{health.SHARE} is not mounted"
        assert [shell(node, command) for command in (SICK, CRON, NEW, UNWATCHED)] == [*[REASON] * 3, ""]
        assert metrics(node) == {recipe.HOSTNAME: 0}
    health.wait_for(node, "")


def test_node_that_does_not_watch_itself(node: Node) -> None:
    node.run("systemctl stop condor-kvm-stage-health.timer condor-kvm-stage-health.service")
    node.run("rm /run/condor-kvm-stage/health")
    try:
        node.wait_until(lambda: health.says(node) is None, "it is not known", 30)
        node.run("condor_reconfig")  # what is undefined is not news: it goes with the next update
        node.wait_until(lambda: shell(node, UNWATCHED) == f"{recipe.HOSTNAME}\n", "it is not known to the pool", 90)
        assert [shell(node, command) for command in (SICK, NEW)] == ["", ""]
        assert row(node)["HEALTHY"] == "?"
        assert metrics(node) == {}
    finally:
        health.every(node, f"{health.PERIOD}s")
