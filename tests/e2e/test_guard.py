"""Real VM jobs that reach for what is not theirs: none starts, and HTCondor says which condition keeps it out."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from condor_kvm_stage.genconfig.snippet import start_guard
from e2e.apply.worker import APPLY
from e2e.vm_attacks import ATTACKS, FITS, SIZE, Attack, release, submit
from testnode import jobs, pool, recipe, stages
from testnode.node import Node

pytestmark = pytest.mark.guest  # without KVM there is no VM universe, and no guard


def analysis(node: Node, cluster: int) -> str:
    """What a user sees who asks why his job does not start on this node."""
    return node.run(["condor_q", "-better-analyze", "-reverse", "-machine", recipe.HOSTNAME, str(cluster)]).stdout


@pytest.fixture(scope="module")
def attacks(starter: Node) -> Iterator[dict[str, int]]:
    """The clusters of all ATTACKS, which the negotiator has considered at least once."""
    clusters = {name: submit(starter, f"attack-{number}", ATTACKS[name]) for number, name in enumerate(ATTACKS)}
    release(starter, clusters.values())
    try:
        starter.wait_until(
            lambda: all("LastRejMatchTime" in pool.job_ad(starter, cluster) for cluster in clusters.values()),
            "the negotiator finds no match for any of the jobs",
            60,
        )
        yield clusters
    finally:
        starter.run(["condor_rm", *map(str, clusters.values())])


def test_no_attack_starts(starter: Node, attacks: dict[str, int]) -> None:
    ads = {name: pool.job_ad(starter, cluster) for name, cluster in attacks.items()}
    assert {name: ad["JobStatus"] for name, ad in ads.items()} == dict.fromkeys(ATTACKS, pool.IDLE)
    assert [name for name, ad in ads.items() if ad.get("NumShadowStarts")] == []
    domains = {f"{recipe.USER}_{recipe.HOSTNAME}_{cluster}.0" for cluster in attacks.values()}
    assert domains.isdisjoint(starter.run("virsh list --all --name").stdout.split())
    assert starter.run("stat --format=%U /etc/shadow").stdout == "root\n"


@pytest.mark.parametrize("name", ATTACKS)
def test_user_is_told_which_condition_keeps_an_attack_out(starter: Node, attacks: dict[str, int], name: str) -> None:
    text = analysis(starter, attacks[name])
    failed = set(re.findall(r"^\[\d+\] +0  MY\.(VmJob\w+)$", text, re.MULTILINE))
    # a size that is no number does not fit, either
    also = {FITS} if ATTACKS[name].condition == SIZE else set()
    assert failed - also == {ATTACKS[name].condition}
    assert f'VmJobRules = "{start_guard.RULES}"' in text


def test_negotiator_tells_jobs_apart_by_what_the_conditions_read(starter: Node, attacks: dict[str, int]) -> None:
    """Jobs that are the same in AutoClusterAttrs are matched, or not, as one."""
    read = {
        name.lower() for text in start_guard.attributes([]).values() for name in re.findall(r"unparse\((\w+)\)", text)
    }
    ads = [pool.job_ad(starter, cluster) for cluster in attacks.values()]
    assert read | {"jobuniverse"} <= set(ads[0]["AutoClusterAttrs"].lower().split(","))
    assert len({ad["AutoClusterId"] for ad in ads}) == len(ATTACKS)


def test_jobs_ad_does_not_name_the_networks_type_as_the_vm_gahp_looks_for_it(
    starter: Node, attacks: dict[str, int]
) -> None:
    """It would leave a job that wants any network without one, and then the node without VM universe."""
    assert "JobVMNetworkingType" not in pool.job_ad(starter, attacks["second disk"])["AutoClusterAttrs"]


def test_ordinary_job_fulfils_all_conditions(starter: Node) -> None:
    cluster = submit(starter, "ordinary", Attack("", edits={"Requirements": "true"}))
    text = analysis(starter, cluster)
    starter.run(["condor_rm", str(cluster)])
    assert set(re.findall(r"^\[\d+\] +1  MY\.(VmJob\w+)$", text, re.MULTILINE)) == set(start_guard.attributes([]))
    assert "1 match the requirements of this slot" in text


def test_job_that_wants_any_network_runs_with_the_nodes_default(worker: Node) -> None:
    worker.run("virsh net-start default")
    try:
        worker.run(APPLY, timeout=90)
        worker.wait_until(lambda: pool.slot_ad(worker).get("VM_Networking") is True, "the slot offers a network", 60)
        cluster = pool.submit(worker, "network.sub", jobs.VM_JOB.replace("queue", "vm_networking = True\nqueue"))
        name = f"{recipe.USER}_{recipe.HOSTNAME}_{cluster}.0"
        worker.wait_until(
            lambda: "<interface type='network'>" in worker.run(["virsh", "dumpxml", name], check=False).stdout,
            "the job's virtual machine runs, with a network",
            60,
        )
        worker.run(["condor_rm", str(cluster)])
        worker.wait_until(lambda: not worker.run("virsh list --name").stdout.strip(), "the virtual machine is gone", 60)
        assert pool.slot_ad(worker)["HasVM"] is True
    finally:
        worker.run("virsh net-destroy default")
        worker.run(APPLY, timeout=90)
        stages.wait_for_vm_universe(worker, True)
