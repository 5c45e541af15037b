"""A DAG whose node fails with its guest: DAGMan sees the exit status, and tries the node again."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from e2e.domain import scene
from e2e.gahp import worker as gahp
from testnode import jobs, pool, recipe
from testnode.node import Node
from testnode.recipe import Release

pytestmark = [pytest.mark.guest, pytest.mark.full]

HOME = f"{scene.HOME}/dag"
# The first attempt at node `first` gets a guest that runs for long, the second one that powers off
IMAGE = "/srv/images/attempt-{}.qcow2"
DAG = f"""\
JOB first first.sub
VARS first image="{IMAGE.format("$(RETRY)")}"
RETRY first 1
JOB second second.sub
VARS second image="{jobs.BASE}"
PARENT first CHILD second
"""


@pytest.fixture(scope="module", params=[Release.TESTING, Release.TRIXIE])
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    with gahp.node(request.param) as worker:
        yield worker


def ads(node: Node, program: str, name: str) -> list[pool.Ad]:
    """Return the ads of the jobs of a DAG's node. program: condor_q or condor_history."""
    whose = ["-all"] if program == "condor_q" else []  # HTCondor 23 shows root only root's jobs
    found = node.run([program, *whose, "-json", "-constraint", f'DAGNodeName == "{name}"'], timeout=30).stdout
    listed: list[pool.Ad] = json.loads(found or "[]")
    return sorted(listed, key=lambda ad: int(ad["ClusterId"]))


def test_failed_node_is_tried_again_and_the_dag_goes_on(node: Node) -> None:
    for number, image in enumerate((gahp.LONG, jobs.BASE)):
        node.run(["cp", image, IMAGE.format(number)])
    node.run(["mkdir", HOME], user=recipe.USER)
    place = node.root / HOME.lstrip("/")
    for name in ("first", "second"):
        text = jobs.VM_JOB.replace(jobs.BASE, "$(image)").replace("log = vm-job.log", f"log = {name}.log")
        (place / f"{name}.sub").write_text(text, encoding="utf-8")
    (place / "some.dag").write_text(DAG, encoding="utf-8")
    node.run(["sh", "-c", f"cd {HOME} && condor_submit_dag some.dag"], user=recipe.USER, timeout=60)
    node.wait_until(lambda: bool(ads(node, "condor_q", "first")), "the first node is submitted", 90)
    cluster = ads(node, "condor_q", "first")[0]["ClusterId"]
    gahp.wait_for_ready(node, cluster)
    node.run(["pkill", "--signal", "KILL", "--full", f"guest={gahp.domain(cluster)}"])
    events = pool.wait_for_end(node, "dag/some.dag.dagman.log", 300)
    assert "Normal termination (return value 0)" in events
    assert [ad["ExitCode"] for ad in ads(node, "condor_history", "first")] == [70, 0]
    assert [ad["ExitCode"] for ad in ads(node, "condor_history", "second")] == [0]
    assert gahp.has_vm(node) == {True}
