"""A node with guests that run as long as a test wants, and what has become of their jobs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from e2e.domain import scene
from testnode import guest, jobs, pool, recipe
from testnode.node import Node
from testnode.recipe import Release

MINUTE = "/srv/images/minute.qcow2"  # its guest powers off after 60 s
LONG = "/srv/images/long.qcow2"  # after 50 minutes
WRITES = "/srv/images/writes.qcow2"  # after 40 s it writes, and powers off
# By path: the program of each, and how many ticks it waits
IMAGES = {MINUTE: ("waits.asm", 1092), LONG: ("waits.asm", 54600), WRITES: ("writes.asm", 728)}
LIBVIRT = "libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket"
STARTD_HELD_JOB = 21  # of HTCondor's HoldReasonCode


@contextlib.contextmanager
def node(release: Release, more: str = "") -> Iterator[Node]:
    """Give a node with the package and the images."""
    with scene.busy_node(release, more) as worker:
        for path, (program, ticks) in IMAGES.items():
            write_image(worker, path, program, ticks)
        yield worker


def write_image(worker: Node, path: str, program: str, ticks: int) -> None:
    """Make an image at a path of the node's, whose guest waits for so many ticks of the BIOS clock, 18.2 a second."""
    guest.write_waiting(worker.root / path.lstrip("/"), ticks, program)


def submit(worker: Node, name: str, image: str = LONG, *more: str) -> int:
    """Submit a VM job from a directory of its own. more: lines of its submit file. Returns its cluster."""
    home = f"{scene.HOME}/{name}"
    worker.run(["mkdir", home], user=recipe.USER)
    lines = "".join(f"{line}\n" for line in (f"initialdir = {home}", "log = job.log", "request_disk = 64M", *more))
    description = jobs.VM_JOB.replace(jobs.BASE, image).replace("\nqueue\n", f"\n{lines}queue\n")
    return pool.submit(worker, f"{name}.sub", description)


def returned(worker: Node, name: str) -> set[str]:
    """Return the names of what has come back."""
    return {path.name for path in (worker.root / f"{scene.HOME}/{name}".lstrip("/")).iterdir()} - {"job.log"}


def end(worker: Node, cluster: int, name: str, timeout: float = 120) -> pool.Ad:
    """Wait until a job has ended. Returns its ad."""
    pool.wait_for_end(worker, f"{name}/job.log", timeout)
    found: list[pool.Ad] = []

    def is_recorded() -> bool:
        text = worker.run(["condor_history", "-json", str(cluster)], timeout=30).stdout
        found[:] = json.loads(text or "[]")
        return bool(found)

    worker.wait_until(is_recorded, f"the history has job {cluster}", 30)
    return found[0]


def domain(cluster: int) -> str:
    """Return the name of a job's guest."""
    return f"{recipe.USER}_{recipe.HOSTNAME}_{cluster}.0"


def runs(worker: Node, cluster: int) -> bool:
    return domain(cluster) in worker.run("virsh list --name").stdout.split()


def wait_for_guest(worker: Node, cluster: int, timeout: float = 60) -> None:
    """Wait until a job's guest runs."""
    worker.wait_until(lambda: runs(worker, cluster), f"the guest of job {cluster} runs", timeout)


def wait_for_ready(worker: Node, cluster: int) -> None:
    """Wait until the starter has done what it does 30 s after a start."""
    wait_for_guest(worker, cluster)
    worker.wait_until(
        lambda: "StartJob for VM succeeded" in starter_log(worker, cluster), f"job {cluster} is started", 60
    )


def starter_log(worker: Node, cluster: int) -> str:
    """Return what starters have logged since the last one began with a job of this cluster."""
    logs = [path.read_text("utf-8", "replace") for path in (worker.root / "var/log/condor").glob("StarterLog.slot*")]
    mark = f"Starting a VM universe job with ID: {cluster}.0"
    return next((log.rpartition(mark)[2] for log in logs if mark in log), "")


def pids(worker: Node, pattern: str) -> list[str]:
    """Return the processes whose command line matches."""
    return worker.run(["pgrep", "--full", pattern], check=False).stdout.split()


def wait_for_quiet(worker: Node, timeout: float = 60) -> None:
    """Wait until no process of a VM job is left."""
    programs = "condor-kvm-stage-gahp|condor_vm-gahp|qemu-system|build-domain"
    worker.wait_until(lambda: not pids(worker, programs), "no process of a VM job is left", timeout)


def has_vm(worker: Node) -> set[bool]:
    """Return HasVM of all slots."""
    return set(json.loads("[" + ",".join(worker.run("condor_status -af:r HasVM").stdout.split()) + "]"))


def filter_log(worker: Node) -> str:
    """Return what the filters have said to the administrator."""
    return worker.run("journalctl --no-pager --output=cat --identifier=condor-kvm-stage-gahp", check=False).stdout


def remove(worker: Node, cluster: int) -> None:
    """Remove a job, and wait until its guest is gone."""
    worker.run(["condor_rm", str(cluster)], check=False)
    worker.wait_until(lambda: not runs(worker, cluster), f"the guest of job {cluster} is gone", 120)


def wait_for_status(worker: Node, cluster: int, status: int, timeout: float = 60) -> pool.Ad:
    """Wait until a job has a JobStatus. Returns its ad."""
    worker.wait_until(
        lambda: pool.job_ad(worker, cluster).get("JobStatus") == status, f"job {cluster} is {status}", timeout
    )
    return pool.job_ad(worker, cluster)
