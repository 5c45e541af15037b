"""A guest that KVM cannot run any further is noticed, and its job ends: HTCondor alone would show it as running."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from condor_kvm_stage.gahp.guest_end import End
from e2e.gahp import worker as gahp
from testnode import guest
from testnode.node import Node
from testnode.recipe import Release

pytestmark = [pytest.mark.guest, pytest.mark.full]

STRAYS = "/srv/images/strays.qcow2"


@pytest.fixture(scope="module", params=[Release.TESTING, Release.TRIXIE])
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    with gahp.node(request.param) as worker:
        guest.write_base(worker.root / STRAYS.lstrip("/"), "qcow2", guest.SOURCE.with_name("strays.asm"))
        yield worker


def test_job_ends_with_a_status_of_its_own_and_its_ad_says_why(node: Node) -> None:
    job = gahp.submit(node, "strays", STRAYS)
    gahp.wait_for_guest(node, job)
    began = time.monotonic()
    node.wait_until(lambda: not gahp.runs(node, job), "the guest is ended", 90)
    print(f"the guest was there for {time.monotonic() - began:.0f} s")
    ad = gahp.end(node, job, "strays")
    assert ad["ExitCode"] == End.HALTED.value == 71
    assert ad["ChirpGuestProblem"] == End.HALTED.text
    assert "emulation failure" in node.run(["cat", f"/var/log/libvirt/qemu/{gahp.domain(job)}.log"]).stdout
    gahp.wait_for_quiet(node)
    assert gahp.has_vm(node) == {True}
