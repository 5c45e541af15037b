"""What the tests of --apply do with a worker: restarts, jobs that run on it, the memory that it offers."""

from __future__ import annotations

import json
import re

from testnode import jobs, pool
from testnode.node import Node
from testnode.site import SNIPPET

APPLY = "condor-kvm-stage-genconfig --apply"
# As a scriptlet under rpm's plug-in `unshare` runs it: the unit does it, confined as it is
APPLY_WITHOUT_NETWORK = f"unshare --net {APPLY}"
RESTART = "condor_restart -startd -peaceful"


def rendered_memory(worker: Node) -> int:
    """Return the VM_MEMORY that the generator calls for."""
    found = re.search(r"^VM_MEMORY = (\d+)$", worker.run("condor-kvm-stage-genconfig --stdout").stdout, re.MULTILINE)
    assert found
    return int(found[1])


def offered_memory(worker: Node) -> int | None:
    """Return the MiB that the node's slot offers to virtual machines, None for no VM universe or no slot."""
    slot = pool.slot_ad(worker)
    return int(slot["VM_Memory"]) if slot.get("HasVM") is True else None


def wait_for_memory(worker: Node, memory: int) -> None:
    worker.wait_until(lambda: offered_memory(worker) == memory, f"the slot offers {memory} MiB", 90)


def snippet(worker: Node) -> str:
    return (worker.root / SNIPPET.lstrip("/")).read_text(encoding="utf-8")


def reboot(worker: Node) -> None:
    worker.reboot()
    pool.wait_for_slot(worker)


def is_claimed(worker: Node) -> bool:
    """Return whether the collector has a slot of the node's that runs a job, or is kept for further ones."""
    return "Claimed" in worker.run("condor_status -af State").stdout.split()


class Job:
    """A job that runs until it is told to end."""

    def __init__(self, worker: Node, name: str) -> None:
        self.worker, self.name = worker, name
        wait = f"/bin/sh \"-c 'while test ! -e /srv/{name}.end; do sleep 0.2; done'\""
        self.cluster = pool.submit(worker, f"{name}.sub", jobs.staging_job("", name, command=wait))
        worker.wait_until(lambda: self._ad().get("JobStatus") == pool.RUNNING, f"job {name} runs", 60)
        worker.wait_until(lambda: is_claimed(worker), "the collector knows of that", 60)
        self.start = self._ad()["JobStartDate"]

    def _ad(self) -> pool.Ad:
        return pool.job_ad(self.worker, self.cluster)

    def end(self) -> None:
        """Let it end, and check that nothing disturbed it."""
        (self.worker.root / f"srv/{self.name}.end").touch()
        events = pool.wait_for_end(self.worker, f"{self.name}.log", 60)
        assert "Normal termination (return value 0)" in events
        (ad,) = json.loads(self.worker.run(f"condor_history -json {self.cluster}").stdout)
        assert (ad["NumJobStarts"], ad["JobStartDate"]) == (1, self.start)
