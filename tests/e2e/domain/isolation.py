"""Attacks of one user's jobs on another's, and on the node, one after another."""

from __future__ import annotations

from dataclasses import dataclass

from e2e.domain import races, two_users
from e2e.domain.races import Race
from e2e.domain.two_users import ALICE, BOB, BOBS_FILE, BOBS_SEED, IDLE, here
from testnode import jobs, pool, recipe, site
from testnode.node import Node

SHARED, BOBS, SAFE, HERS = "/srv/disks/proj", f"/srv/disks/{BOB}", "/srv/disks/safe", f"/srv/images/{ALICE}"
# What the attackers move themselves, the test, or HTCondor's tools that it runs
_MOVED = (SHARED, BOBS, HERS, "/etc/condor-kvm-stage/config.toml", "/etc/condor/known_hosts")
_POLICY = '[staging]\nimage_dirs = ["/srv/images", "/srv/disks"]\n[vm]\ndisk_dirs = ["/srv/disks"]\n'
_MANY = 24
_AGAIN = f"periodic_release = NumHolds < 9\nqueue {_MANY}"
BELOW_ITSELF = f"disk {SAFE}/d0.raw is below disk disk.qcow2"
_TWICE = f"{SAFE}/d0.raw:vda:w:raw,disk.qcow2:vdb:w:qcow2"
_OVERLAY = (f"nfs://{jobs.BASE}:disk.qcow2", "disk.qcow2:vda:w:qcow2")


@dataclass(frozen=True)
class Ended:
    """What has come of the attacks. races: by name. held: why a job is whose image bob locks.

    changes: files of the node before and after; of bob's jobs before and after. seen: what bob has seen of alice's job.
    process: alice's QEMU, its /proc/PID/status. bobs: paths of bob's files.
    """

    races: dict[str, Race]
    held: str
    changes: tuple[tuple[dict[str, str], dict[str, str]], tuple[dict[str, str], dict[str, str]]]
    seen: str
    process: dict[str, str]
    bobs: set[str]


def run(worker: Node) -> Ended:
    """Run them all."""
    make_files(worker)
    with site.policy(worker, _POLICY):
        scratch = start_bobs_jobs(worker)
        private = f"{scratch[0]}.condor-kvm-stage/seed.raw"
        before = _states(worker, scratch)
        process, seen = _look_into_alices_job(worker)
        found = {
            "disk in a group's directory": races.run(
                worker,
                "group",
                {ALICE: f"swap /etc/shadow END {SHARED}/d0.raw"},
                two_users.vm_job(_OVERLAY[0], f"{SHARED}/d0.raw:vda:w:raw", _AGAIN),
            ),
            "disk in another user's directory": races.run(
                worker,
                "others",
                {BOB: f"swap /etc/shadow END {BOBS}/d0.raw"},
                two_users.vm_job(_OVERLAY[0], f"{BOBS}/d0.raw:vda:w:raw", _AGAIN),
            ),
            "base image": races.run(
                worker,
                "base",
                {ALICE: f"swap {private} END {HERS}/base.raw"},
                two_users.vm_job(f"nfs://{HERS}/base.raw:disk.qcow2", _OVERLAY[1], _AGAIN),
                40,
            ),
            "lock": races.run(
                worker, "lock", {BOB: f"lock_often {jobs.BASE} END"}, two_users.vm_job(*_OVERLAY, _AGAIN)
            ),
        }
        with site.policy(worker, f'{_POLICY}disk_owners = ["{BOB}"]\n'):
            disks = " ".join(f"{BOBS}/d{number}.raw" for number in range(_MANY))
            found["disk of a trusted owner"] = races.run(
                worker,
                "trusted",
                {BOB: f"swap /etc/shadow END {disks}"},
                two_users.vm_job(_OVERLAY[0], f"{BOBS}/d$(Process).raw:vda:w:raw", _AGAIN),
                40,
            )
        found["disk and its overlay"] = races.run(
            worker, "twice", {}, two_users.vm_job(f"nfs://{SAFE}/d0.raw:disk.qcow2", _TWICE), 90, BELOW_ITSELF
        )
        held = _hold_by_lock(worker)
        found["own disk"] = races.run(worker, "spoil", {ALICE: "spoil disk.qcow2 END"}, two_users.vm_job(*_OVERLAY))
        after = _states(worker, scratch)
    bobs = {BOBS_FILE, private, BOBS_SEED}
    return Ended(found, held, ((before[0], after[0]), (before[1], after[1])), seen, process, bobs)


def make_files(worker: Node) -> None:
    """Make alice's disks and image, a group of hers, and directories for them."""
    script = f"""
        groupadd proj; usermod --append --groups proj {ALICE}
        mkdir -p {SHARED} {BOBS} {SAFE} {HERS} /home/{BOB}/jobs
        for disk in {SHARED}/d0 {SAFE}/d0 {HERS}/base $(seq --format={BOBS}/d%.0f 0 {_MANY - 1}); do
            qemu-img convert -O raw {jobs.BASE} $disk.raw; chown {ALICE}: $disk.raw
        done
        chgrp proj {SHARED}; chmod 2775 {SHARED}
        chown {BOB} {BOBS}; chown {ALICE} {HERS}
        cp {BOBS_FILE} /home/{BOB}/jobs/seed.raw
        chmod 600 /home/{BOB}/jobs/seed.raw; chown --recursive {BOB}: /home/{BOB}/jobs
    """
    worker.run(["sh", "-ec", script])


def start_bobs_jobs(worker: Node) -> list[str]:
    """Start a virtual machine and an ordinary job of bob's, each with a private file. Returns their directories."""
    more = "vm_no_output_vm = True\nqueue"
    description = two_users.vm_job(f"nfs://{IDLE}:disk.qcow2, seed.raw", "disk.qcow2:vda:w:qcow2,seed.raw:vdb:r", more)
    clusters = [two_users.submit(worker, BOB, "jobs", description)]
    wait_for_guest(worker, BOB, clusters[0])
    sleeping = jobs.staging_job("seed.raw", "sleeping", command="/bin/sleep 3600")
    clusters.append(two_users.submit(worker, BOB, "jobs", sleeping))
    worker.wait_until(lambda: pool.job_ad(worker, clusters[1]).get("JobStatus") == pool.RUNNING, "bob's job runs", 60)
    return [two_users.scratch(worker, cluster) for cluster in clusters]


def wait_for_guest(worker: Node, user: str, cluster: int) -> None:
    """Wait until the guest of a job runs."""
    name = f"{user}_{recipe.HOSTNAME}_{cluster}.0"
    running = "virsh list --state-running --name"
    worker.wait_until(lambda: name in worker.run(running).stdout.split(), f"{name} runs", 90)


def _states(worker: Node, scratch: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the state of the node's files, and of those of bob's jobs."""
    by_htcondor = [f"{place}/.*" for place in scratch]
    places = [*scratch, f"{scratch[0]}.condor-kvm-stage"]
    return two_users.snapshot(worker, without=_MOVED), two_users.snapshot(worker, places, without=by_htcondor)


def _look_into_alices_job(worker: Node) -> tuple[dict[str, str], str]:
    """Return what alice's QEMU is, and what bob can read or write of what her job has."""
    cluster = two_users.submit(worker, ALICE, "looked-at", two_users.vm_job(f"nfs://{IDLE}:disk.qcow2", _OVERLAY[1]))
    wait_for_guest(worker, ALICE, cluster)
    place = two_users.scratch(worker, cluster)
    files = worker.run(["find", place, f"{place}.condor-kvm-stage", "-type", "f"]).stdout
    assert {f"{place}/.job.ad", f"{place}/console.log"} <= set(files.split())
    here(worker, "/srv/alices-files").write_text(files, encoding="utf-8")
    pid = here(worker, f"/run/libvirt/qemu/{ALICE}_{recipe.HOSTNAME}_{cluster}.0.pid").read_text(encoding="ascii")
    status = here(worker, f"/proc/{pid.strip()}/status").read_text(encoding="utf-8")
    description = two_users.ordinary_job("reach /srv/alices-files found", "look").replace('= ""\n', "= found\n", 1)
    looking = two_users.submit(worker, BOB, "looking", description)
    worker.wait_until(lambda: not pool.job_ad(worker, looking), "bob has looked", 60)
    worker.run(["condor_rm", str(cluster)])
    here(worker, "/srv/alices-files").unlink()
    seen = here(worker, f"/home/{BOB}/looking/found").read_text(encoding="utf-8")
    return dict(line.split(":\t", 1) for line in status.splitlines()), seen


def _hold_by_lock(worker: Node) -> str:
    """Let bob hold a lock on a base image. Returns why alice's job is on hold then."""
    races.wait_for_vm_universe(worker)
    end = "/srv/locked.end"
    words = f"lock {jobs.BASE} {end}"
    cluster = two_users.submit(worker, BOB, "locking", two_users.ordinary_job(words, "lock"))
    worker.wait_until(lambda: pool.job_ad(worker, cluster).get("JobStatus") == pool.RUNNING, "bob has his lock", 60)
    victim = two_users.submit(worker, ALICE, "locked", two_users.vm_job(*_OVERLAY))
    reason = str(pool.wait_for_hold(worker, victim, 120)["HoldReason"])
    here(worker, end).touch()
    worker.wait_until(lambda: not pool.job_ad(worker, cluster), "bob's lock is gone", 60)
    here(worker, end).unlink()
    worker.run(["condor_rm", str(victim)])
    return reason
