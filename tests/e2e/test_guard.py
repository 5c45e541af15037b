"""Real VM jobs that reach for what is not theirs: none starts, and HTCondor says which condition keeps it out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from condor_kvm_stage.genconfig import guard
from testnode import jobs, pool, recipe
from testnode.node import Node

pytestmark = pytest.mark.guest  # without KVM there is no VM universe, and no guard

MARKUP = "1</vcpu><devices><disk type='file'><source file='/etc/shadow'/><target dev='vdz'/></disk></devices><vcpu>1"


@dataclass(frozen=True)
class Attack:
    """A change to the example's job. lines: of its submit file. edits: what condor_qedit does to it afterwards."""

    condition: str
    lines: str = ""
    edits: dict[str, str] = field(default_factory=dict)


DISKS, NETWORK, SIZE, INTERNALS = guard.attributes([])
ATTACKS = {
    "second disk": Attack(DISKS, "vm_disk = disk.qcow2:vda:w:qcow2,/etc/shadow:vdb:r:raw"),
    "absolute path": Attack(DISKS, "vm_disk = /etc/shadow:vda:r:raw"),
    "upwards": Attack(DISKS, "vm_disk = ../../../../../../etc/shadow:vda:r:raw"),
    "expression": Attack(
        DISKS, edits={"VMPARAM_vm_Disk": 'ifThenElse(true, "disk.qcow2:vda:w:qcow2", "/etc/shadow:vdb:r:raw")'}
    ),
    "disk in other letters": Attack(DISKS, '+vmparam_VM_DISK = "/etc/gshadow:vda:r:raw"'),
    "another universe": Attack(
        DISKS,
        "vm_disk = /etc/shadow:vda:r:raw\n+JobUniverse = ifThenElse(isUndefined(TARGET.VmJobRules), 13, 5)",
    ),
    "MAC address": Attack(
        NETWORK, "vm_networking = True\nvm_macaddr = 52:54:00:00:00:01'/><source network='default'/><mac address='"
    ),
    "network's type": Attack(NETWORK, "vm_networking = True\nvm_networking_type = nat'/><disk type='file'/>"),
    "bridge": Attack(NETWORK, "+VMPARAM_Bridge_Interface = \"br0'/><disk type='file'/>\""),
    "CPUs": Attack(SIZE, edits={"JobVM_VCPUS": f'"{MARKUP}"'}),
    "CPUs requested": Attack(SIZE, f'request_cpus = 1 + 0 * size("{MARKUP}")'),
    "memory": Attack(SIZE, edits={"JobVMMemory": f'ifThenElse(true, 64, "{MARKUP}")'}),
    "directory": Attack(INTERNALS, '+VM_WORKING_DIR = "/etc"\nvm_disk = shadow:vda:r:raw'),
    "name": Attack(INTERNALS, f'+VMPARAM_VM_NAME = "{MARKUP}"'),
    "type": Attack(INTERNALS, edits={"JobVMType": 'ifThenElse(true, "kvm", "xen")'}),
    "checkpoint": Attack(INTERNALS, '+TransferIntermediate = "xen_vm.config,xen.mem.ckpt"'),
    "plug-in of its own": Attack(INTERNALS, '+TransferPlugins = "link=/bin/true"'),
}


def submit(node: Node, name: str, attack: Attack) -> int:
    """Submit the example's job, changed, with requirements that do not keep it out themselves."""
    # what is first in a submit file does not count where it is said again
    description = jobs.VM_JOB.replace("queue", f"{attack.lines}\nhold = True\nqueue")
    description = description.replace(f"log = {jobs.VM_JOB_LOG}", "")
    cluster = pool.submit(node, f"{name}.sub", description)
    for attribute, expression in {**attack.edits, "Requirements": "true"}.items():
        node.run(["condor_qedit", str(cluster), attribute, expression], user=recipe.USER)
    return cluster


def analysis(node: Node, cluster: int) -> str:
    """What a user sees who asks why his job does not start on this node."""
    return node.run(["condor_q", "-better-analyze", "-reverse", "-machine", recipe.HOSTNAME, str(cluster)]).stdout


@pytest.fixture(scope="module")
def attacks(starter: Node) -> Iterator[dict[str, int]]:
    """The clusters of all ATTACKS, which the negotiator has considered at least once."""
    clusters = {name: submit(starter, f"attack-{number}", ATTACKS[name]) for number, name in enumerate(ATTACKS)}
    starter.run(["condor_release", *map(str, clusters.values())])
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
    assert set(re.findall(r"^\[\d+\] +0  MY\.(VmJob\w+)$", text, re.MULTILINE)) == {ATTACKS[name].condition}
    assert f'VmJobRules = "{guard.RULES}"' in text


def test_negotiator_tells_jobs_apart_by_what_the_conditions_read(starter: Node, attacks: dict[str, int]) -> None:
    """Jobs that are the same in AutoClusterAttrs are matched, or not, as one."""
    read = {name.lower() for text in guard.attributes([]).values() for name in re.findall(r"unparse\((\w+)\)", text)}
    ads = [pool.job_ad(starter, cluster) for cluster in attacks.values()]
    assert read | {"jobuniverse"} <= set(ads[0]["AutoClusterAttrs"].lower().split(","))
    assert len({ad["AutoClusterId"] for ad in ads}) == len(ATTACKS)


def test_jobs_ad_does_not_name_the_networks_type_as_the_vm_gahp_looks_for_it(
    starter: Node, attacks: dict[str, int]
) -> None:
    """It would leave a job that wants any network without one, and then the node without VM universe."""
    assert "JobVMNetworkingType" not in pool.job_ad(starter, attacks["second disk"])["AutoClusterAttrs"]


def test_ordinary_job_fulfils_all_conditions(starter: Node) -> None:
    cluster = submit(starter, "ordinary", Attack(""))
    text = analysis(starter, cluster)
    starter.run(["condor_rm", str(cluster)])
    assert set(re.findall(r"^\[\d+\] +1  MY\.(VmJob\w+)$", text, re.MULTILINE)) == set(guard.attributes([]))
    assert "1 match the requirements of this slot" in text


def test_job_that_wants_any_network_runs_with_the_nodes_default(worker: Node) -> None:
    cluster = pool.submit(worker, "network.sub", jobs.VM_JOB.replace("queue", "vm_networking = True\nqueue"))
    name = f"{recipe.USER}_{recipe.HOSTNAME}_{cluster}.0"
    worker.wait_until(
        lambda: "<interface type='user'>" in worker.run(["virsh", "dumpxml", name], check=False).stdout,
        "the job's virtual machine runs, with a network",
        60,
    )
    worker.run(["condor_rm", str(cluster)])
    worker.wait_until(lambda: not worker.run("virsh list --name").stdout.strip(), "the virtual machine is gone", 60)
    assert pool.slot_ad(worker)["HasVM"] is True
