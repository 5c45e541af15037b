"""A node that looks at itself every few seconds, what can go wrong with it, and what HTCondor says of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from e2e.domain import scene
from e2e.gahp import worker as gahp
from testnode import jobs, pool, site
from testnode.node import Node
from testnode.recipe import Release

PERIOD = 3  # seconds
QUICK = f"STARTD_CRON_KVMSTAGE_PERIOD = {PERIOD}\n"
SHARE = "/srv/share"
CANARY = "/srv/images/canary.qcow2"
POLICY = f"""\
[staging]
image_dirs = ["/srv/images", "{SHARE}"]
canary_image = "{CANARY}"
timeout = 5
[network]
types = ["bridge"]
bridge = "br0"
[health]
heal = []
"""
FACTS = "/run/condor-kvm-stage/guest"
UNIT = "condor-kvm-stage-health"


@contextlib.contextmanager
def node(policy: str, release: Release = Release.TESTING) -> Iterator[Node]:
    """Give a node with the package and a policy, which looks at itself every PERIOD seconds."""
    with gahp.node(release, QUICK) as worker:
        worker.run("ip link add br0 type bridge")
        worker.run(["cp", jobs.BASE, CANARY])
        worker.run(["mkdir", SHARE])
        worker.run(f"mount -t tmpfs -o size=1m,mode=755 tmpfs {SHARE}")
        worker.run(f"mount -t tmpfs -o size=192m,mode=755,uid=condor,gid=condor tmpfs {scene.EXECUTE}")
        with site.policy(worker, policy):
            worker.run("condor-kvm-stage-genconfig --apply", timeout=150)
            every(worker, f"{PERIOD}s")
            wait_for(worker, "")
            yield worker


def every(worker: Node, period: str) -> None:
    """Let it look at itself at a period, from now on."""
    site.watch(worker, period)
    worker.run("systemctl daemon-reload")
    worker.run("systemctl restart condor-kvm-stage-health.timer")


def says(worker: Node) -> str | None:
    """Return which checks fail by the node's ad in the collector; None if it does not say."""
    slot = pool.slot_ad(worker)
    failed = slot.get("KvmStageFailed")
    if failed is not None:
        assert slot["KvmStageHealthy"] is (failed == "")
        assert bool(slot["KvmStageReason"]) is bool(failed)
    return failed


def wait_for(worker: Node, failed: str, timeout: float = 120) -> float:
    """Wait until the collector's ad names these checks. Returns the seconds that it took."""
    begin = time.monotonic()
    worker.wait_until(lambda: says(worker) == failed, f"the node's ad says '{failed}', not '{says(worker)}'", timeout)
    return time.monotonic() - begin


def healed(worker: Node) -> int:
    """Return how many things the node has put right."""
    return int(found(worker)["Healed"])


def found(worker: Node) -> dict[str, str]:
    """Return what the last look has found: of numbers, the collector learns at HTCondor's UPDATE_INTERVAL only."""
    text = (worker.root / "run/condor-kvm-stage/health").read_text(encoding="utf-8")
    return dict(line.split(" = ", 1) for line in text.splitlines())


def look(worker: Node) -> dict[str, str]:
    """Let the node look at itself once. Returns what it has found."""
    worker.run(f"systemctl start {UNIT}", timeout=120)
    return found(worker)


def log(worker: Node) -> str:
    return worker.run(f"journalctl --no-pager --output=cat --unit={UNIT}").stdout


def run_vanilla(worker: Node, name: str) -> None:
    """Run a job of another universe to its end."""
    pool.run_to_end(worker, name, jobs.staging_job("", name), 90)


def is_refused(worker: Node, cluster: int) -> bool:
    """Return whether the negotiator has found no match for a job."""
    ad = pool.job_ad(worker, cluster)
    assert ad["JobStatus"] == pool.IDLE
    return "LastRejMatchTime" in ad


@contextlib.contextmanager
def running(worker: Node) -> Iterator[None]:
    """Have a VM job and another one run, which nothing may disturb until the context ends."""
    vm = gahp.submit(worker, "steady-vm")
    other = pool.submit(worker, "steady.sub", jobs.staging_job("", "steady", command="/bin/sleep 3000"))
    gahp.wait_for_ready(worker, vm)
    worker.wait_until(lambda: pool.job_ad(worker, other)["JobStatus"] == pool.RUNNING, "the other job runs", 60)
    before = [_start(worker, cluster) for cluster in (vm, other)]
    startd = worker.run("pgrep --exact condor_startd").stdout
    yield
    assert [_start(worker, cluster) for cluster in (vm, other)] == before, "jobs that run are left alone"
    assert gahp.runs(worker, vm)
    assert worker.run("pgrep --exact condor_startd").stdout == startd, "HTCondor is not restarted"
    worker.run(["condor_rm", str(vm), str(other)])
    worker.wait_until(lambda: not gahp.runs(worker, vm), "the guest is gone", 60)


def _start(worker: Node, cluster: int) -> tuple[int, int, int]:
    ad = pool.job_ad(worker, cluster)
    return ad["JobStatus"], ad["NumJobStarts"], ad["JobStartDate"]


@contextlib.contextmanager
def unmounted(worker: Node) -> Iterator[None]:
    worker.run(["umount", SHARE])
    try:
        yield
    finally:
        worker.run(f"mount -t tmpfs -o size=1m,mode=755 tmpfs {SHARE}")


@contextlib.contextmanager
def away(worker: Node, path: str) -> Iterator[None]:
    worker.run(["mv", path, f"{path}.away"])
    try:
        yield
    finally:
        worker.run(["mv", f"{path}.away", path])


@contextlib.contextmanager
def stopped(worker: Node) -> Iterator[None]:
    """libvirt, as its administrator stops it for a while."""
    worker.run(f"systemctl mask --runtime --now {gahp.LIBVIRT}", check=False)
    try:
        yield
    finally:
        worker.run(f"systemctl unmask --runtime {gahp.LIBVIRT}")
        worker.run(f"systemctl start {gahp.LIBVIRT.partition(' ')[2]}")


@contextlib.contextmanager
def frozen(worker: Node) -> Iterator[None]:
    """libvirt's daemon accepts connections, and does not answer."""
    worker.run("systemctl kill --signal=STOP libvirtd.service")
    try:
        yield
    finally:
        worker.run("systemctl kill --signal=CONT libvirtd.service")


@contextlib.contextmanager
def without_kvm(worker: Node) -> Iterator[None]:
    worker.run("umount /dev/kvm", check=False)  # where the node's own is mounted on it
    worker.run("rm /dev/kvm")
    try:
        yield
    finally:
        worker.run("mknod --mode=666 /dev/kvm c 10 232")


@contextlib.contextmanager
def full(worker: Node) -> Iterator[None]:
    """Leave 2 MiB, which a job without a VM gets along with."""
    free = int(worker.run(["df", "--output=avail", "--block-size=1M", scene.EXECUTE]).stdout.split()[1])
    worker.run(["fallocate", f"--length={free - 2}M", f"{scene.EXECUTE}/filled"])
    try:
        yield
    finally:
        worker.run(["rm", f"{scene.EXECUTE}/filled"])


@contextlib.contextmanager
def without_bridge(worker: Node) -> Iterator[None]:
    worker.run("ip link delete br0")
    try:
        yield
    finally:
        worker.run("ip link add br0 type bridge")


@contextlib.contextmanager
def other_facts(worker: Node) -> Iterator[None]:
    place = worker.root / FACTS.lstrip("/")
    before = place.read_text(encoding="utf-8")
    place.write_text(before.replace('"uefi": true', '"uefi": false'), encoding="utf-8")
    assert place.read_text(encoding="utf-8") != before
    try:
        yield
    finally:
        place.write_text(before, encoding="utf-8")


@contextlib.contextmanager
def hung(worker: Node) -> Iterator[None]:
    """A share that answered and does not any more."""
    worker.run("systemctl kill --signal=STOP served")
    try:
        yield
    finally:
        worker.run("systemctl kill --signal=CONT served")


@contextlib.contextmanager
def served(worker: Node, source: str, place: str) -> Iterator[None]:
    """Mount a share, by FUSE, of a directory of the node's on an empty one."""
    program = worker.root / "root/squashing_share.py"
    program.write_text((scene.HERE.parent / "squashing_share.py").read_text(encoding="utf-8"), encoding="utf-8")
    worker.run(["mkdir", place])
    worker.run(f"systemd-run --quiet --collect --unit=served python3 /root/squashing_share.py {source} {place}")
    worker.wait_until(lambda: f" {place} fuse " in worker.run("cat /proc/mounts").stdout, "it is mounted", 30)
    try:
        yield
    finally:
        worker.run("systemctl kill --signal=KILL served", check=False)
        worker.run(["umount", "--lazy", place])


def probes(worker: Node) -> list[str]:
    """Return the processes that look at a share, however long."""
    own = worker.run(["pgrep", "--full", "condor-kvm-stage-health --run"], check=False).stdout.split()
    return [pid for pid in own if worker.run(["ps", "-o", "user=", pid], check=False).stdout.strip() == "condor"]
