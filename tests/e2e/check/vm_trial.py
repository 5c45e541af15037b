"""Whether a real VM job runs on a node now: its guest boots and powers off, or HTCondor has decided otherwise."""

from __future__ import annotations

import time

from testnode import jobs, pool, recipe
from testnode.node import Node
from testnode.run import CommandError

_PATIENCE = 60  # seconds in which a guest that boots and powers off at once has done so
_IDLE = 15  # seconds, many cycles of the node's negotiator, after which a job that was not looked at is not started
_LOGS = "var/log/libvirt/qemu"


def vm_job_runs(worker: Node, idle: float = _IDLE) -> bool:
    """Submit the package's example, and remove it when its fate is known. idle: seconds that it may wait for a slot."""
    try:
        cluster = pool.submit(worker, "trial.sub", jobs.VM_JOB)
    except CommandError:
        return False  # there is no HTCondor that takes it
    try:
        return _outcome(worker, cluster, idle)
    finally:
        worker.run(["condor_rm", str(cluster)], check=False)


def _outcome(worker: Node, cluster: int, idle: float) -> bool:
    log = worker.root / _LOGS / f"{recipe.USER}_{recipe.HOSTNAME}_{cluster}.0.log"
    begin = time.monotonic()
    while time.monotonic() - begin < _PATIENCE:
        if log.exists() and "reason=shutdown" in log.read_text(encoding="utf-8", errors="replace"):
            return True
        ad = pool.job_ad(worker, cluster)
        if ad.get("JobStatus") == pool.HELD or (ad and _is_refused(ad)):
            return False
        if ad.get("JobStatus") == pool.IDLE and time.monotonic() - begin > idle:
            return False
        time.sleep(0.25)
    return False


def _is_refused(ad: pool.Ad) -> bool:
    """Return whether no slot takes the job, or one gave it back."""
    return ad["JobStatus"] == pool.IDLE and ("LastRejMatchTime" in ad or ad.get("NumShadowStarts", 0) > 0)
