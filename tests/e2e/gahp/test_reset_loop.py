"""A guest that resets over and over, or has nothing to boot from, is noticed, and the policy puts its job on hold."""

from __future__ import annotations

import struct
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from condor_kvm_stage.gahp import reset_watch
from e2e.domain import scene
from e2e.gahp import worker as gahp
from testnode import guest, pool, site
from testnode.node import Node
from testnode.recipe import Release
from testnode.run import run

pytestmark = [pytest.mark.guest, pytest.mark.full]

RESETS, EMPTY, DAMAGED = (f"/srv/images/{name}.qcow2" for name in ("resets", "empty", "damaged"))
WATCH = "virsh --quiet --connect qemu:///system event"


@pytest.fixture(scope="module", params=[Release.TESTING, Release.TRIXIE])
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    with gahp.node(request.param) as worker:
        guest.write_base(worker.root / RESETS.lstrip("/"), "qcow2", guest.SOURCE.with_name("resets.asm"))
        with tempfile.NamedTemporaryFile("w", suffix=".asm") as source:
            source.write("times 512 db 0\n")
            source.flush()
            guest.write_base(worker.root / EMPTY.lstrip("/"), "qcow2", Path(source.name))
        write_damaged(worker.root / DAMAGED.lstrip("/"))
        yield worker


def write_damaged(path: Path) -> None:
    """Make an image whose first cluster, which is compressed, cannot be decompressed: QEMU has an I/O error there."""
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole"
        guest.write_base(whole, "raw")
        run(["qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", whole, path])
    with path.open("r+b") as file:

        def number(offset: int) -> int:
            file.seek(offset)
            return int(struct.unpack(">Q", file.read(8))[0])

        # QEMU's docs/interop/qcow2.rst: L1 table, L2 table, offset of a compressed cluster
        table = number(number(40)) & ~(1 << 63)
        file.seek(number(table) & ((1 << 54) - 1))
        file.write(b"\xff" * 64)
    path.chmod(0o644)


@pytest.mark.parametrize("image", [RESETS, EMPTY, DAMAGED])
def test_job_goes_on_hold_with_the_reason(node: Node, image: str) -> None:
    reason = reset_watch.UNREADABLE if image == DAMAGED else reset_watch.CRASHES
    job = gahp.submit(node, Path(image).stem, image)
    gahp.wait_for_guest(node, job)
    ad = pool.wait_for_hold(node, job, 120)
    assert reason in ad["HoldReason"]
    assert reason in node.run(["cat", f"{scene.HOME}/{Path(image).stem}/job.log"]).stdout
    node.run(["condor_rm", str(job)])
    gahp.wait_for_quiet(node)
    assert not gahp.pids(node, WATCH)
    assert gahp.has_vm(node) == {True}


def test_policy_can_leave_it_alone(node: Node) -> None:
    with site.policy(node, '[guest]\nreset_loop = "wait"\n'):
        job = gahp.submit(node, "left-alone", RESETS)
        node.wait_until(lambda: reset_watch.CRASHES in gahp.filter_log(node), "the administrator is told", 90)
        gahp.wait_for_ready(node, job)
        time.sleep(15)
        assert pool.job_ad(node, job)["JobStatus"] == pool.RUNNING
        gahp.remove(node, job)
    gahp.wait_for_quiet(node)
    assert not gahp.pids(node, WATCH)


def test_ordinary_guest_is_watched_as_long_as_it_runs(node: Node) -> None:
    job = gahp.submit(node, "ordinary", gahp.MINUTE)
    gahp.wait_for_ready(node, job)
    assert len(gahp.pids(node, WATCH)) == 1
    assert gahp.end(node, job, "ordinary")["ExitCode"] == 0
    gahp.wait_for_quiet(node)
    assert not gahp.pids(node, WATCH)
