"""Images on NFS with `sec=krb5p`: a job has what its user's ticket gives, and is told when that is the reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.health import worker as health
from e2e.machine import filer, own_jobs, realm
from testnode import guest, jobs, machine, machine_flavour, pool, recipe, site, stages
from testnode.node import Node

pytestmark = [pytest.mark.full, pytest.mark.timeout(3600)]

HOME = f"home/{recipe.USER}"
NEVER = "carol"  # has no ticket, and never had one
SHORT = 60  # seconds, more than one staging takes here


@pytest.fixture(scope="module")
def kerberos() -> Iterator[Node]:
    with machine.running(flavour=machine_flavour.KERBEROS) as node:
        stages.make_bare(node)
        node.run("dnf --assumeyes install condor-kvm-stage", timeout=120)
        node.wait_until(lambda: "nfs" in pool.transfer_methods(node), "the slot advertises nfs", 60)
        filer.prepare(node)
        node.run(["useradd", "--create-home", NEVER])
        realm.make(node, [recipe.USER, filer.OTHER])
        realm.mount(node)
        places = f'["{realm.MOUNT}"]'
        policy = f"[staging]\ntimeout = {filer.TIMEOUT}\nimage_dirs = {places}\noutput_dirs = {places}\n"
        with site.policy(node, policy):
            yield node


def test_job_without_a_ticket_is_held_and_told_to_get_one(kerberos: Node) -> None:
    cluster = pool.submit(
        kerberos, "none.sub", jobs.staging_job(f"nfs://{realm.MOUNT}/{filer.IMAGE}:disk.qcow2", "none")
    )
    ad = pool.wait_for_hold(kerberos, cluster, 180)
    assert (ad["HoldReasonCode"], ad["HoldReasonSubCode"]) == (13, 77 << 8)
    assert f"the share at {realm.MOUNT} wants Kerberos tickets (sec=krb5p), and the job's user" in ad["HoldReason"]
    realm.get_ticket(kerberos, recipe.USER)
    kerberos.run(["condor_release", str(cluster)])
    assert "Normal termination (return value 0)" in pool.wait_for_end(kerberos, "none.log", 180)


@pytest.mark.parametrize("image", [filer.IMAGE, filer.PRIVATE], ids=["for-all", "private"])
def test_guest_runs_with_its_users_ticket(kerberos: Node, image: str) -> None:
    realm.get_ticket(kerberos, recipe.USER)
    name = f"vm-{image.partition('/')[0]}"
    stages.wait_for_vm_universe(kerberos, True)
    own_jobs.submit(kerberos, name, f"{realm.MOUNT}/{image}")
    events = pool.wait_for_end(kerberos, f"{name}/{name}.log", 500)
    assert "Normal termination (return value 0)" in events
    home = kerberos.root / HOME / name
    assert (home / "console.log").read_text(encoding="utf-8").splitlines()[-1] == "pattern written, powering off"
    assert guest.PATTERN in (home / jobs.VM_JOB_DISK).read_bytes()


def test_output_is_uploaded_with_the_users_ticket(kerberos: Node) -> None:
    realm.get_ticket(kerberos, recipe.USER)
    assert filer.upload(kerberos, realm.MOUNT).status == 0


def test_ticket_that_has_expired_is_the_reason_and_a_new_one_helps(kerberos: Node) -> None:
    realm.get_ticket(kerberos, filer.OTHER, f"{SHORT}s")
    assert filer.stage(kerberos, realm.MOUNT, user=filer.OTHER).status == 0
    tried = []

    def is_told() -> bool:
        tried.append(filer.stage(kerberos, realm.MOUNT, user=filer.OTHER))
        return tried[-1].status != 0

    kerberos.wait_until(is_told, "the ticket has expired", SHORT + 120)
    assert tried[-1].status == 77
    assert "has expired, get a new one (kinit), and release the job" in tried[-1].message
    realm.get_ticket(kerberos, filer.OTHER)
    kerberos.wait_until(
        lambda: filer.stage(kerberos, realm.MOUNT, user=filer.OTHER).status == 0, "the new ticket is found", 60
    )


def test_daemon_that_has_died_is_the_nodes_fault_for_who_had_no_ticket_yet(kerberos: Node) -> None:
    before = health.look(kerberos)["Reason"]
    kerberos.run("systemctl kill --signal=KILL rpc-gssd")
    try:
        tried = filer.stage(kerberos, realm.MOUNT, user=NEVER)
        meanwhile = health.look(kerberos)["Reason"]
    finally:
        kerberos.run("systemctl restart rpc-gssd")
    assert f"{realm.MOUNT}: rpc.gssd does not run" in meanwhile
    assert realm.MOUNT not in before
    assert realm.MOUNT not in health.look(kerberos)["Reason"]
    assert tried.status == 69
    assert "rpc.gssd, which gets them, does not run on worker" in tried.message
