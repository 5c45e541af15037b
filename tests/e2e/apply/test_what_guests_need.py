"""What a node must let the users of jobs do, so that QEMU can run as them; and a bridge, without libvirt's network."""

from __future__ import annotations

import json

import pytest

from e2e.apply.worker import APPLY, offered_memory
from testnode import jobs, pool, recipe, site
from testnode.node import Node

pytestmark = pytest.mark.guest


def test_node_that_is_closed_to_the_users_of_jobs_takes_no_vm_job_until_the_next_step_is_done(own: Node) -> None:
    own.run("chmod 660 /dev/kvm")
    own.run(APPLY, timeout=150)
    own.wait_until(lambda: offered_memory(own) is None, "the node offers no VM universe", 90)
    checked = own.run("condor-kvm-stage-genconfig --check --json", check=False)
    (found,) = [check for check in json.loads(checked.stdout)["checks"] if check["level"] == "fail"]
    assert (found["group"], found["name"]) == ("libvirt", "user")
    own.run(["sh", "-ec", found["next_step"].replace("; then ", "; ")], timeout=150)
    own.wait_until(lambda: offered_memory(own) is not None, "the node offers VM universe again", 90)
    assert own.run("condor-kvm-stage-genconfig --check --json").returncode == 0


def test_job_that_wants_any_network_runs_with_the_nodes_default(own: Node) -> None:
    own.run("ip link add br7 type bridge")
    own.run("ip link set br7 up")
    with site.policy(own, '[network]\ntypes = ["nat", "bridge"]\nbridge = "br7"\n'):
        own.run(APPLY, timeout=150)
        cluster = pool.submit(own, "network.sub", jobs.VM_JOB.replace("\nqueue\n", "\nvm_networking = True\nqueue\n"))
        name = f"{recipe.USER}_{recipe.HOSTNAME}_{cluster}.0"
        own.wait_until(
            lambda: "<source bridge='br7'/>" in own.run(["virsh", "dumpxml", name], check=False).stdout,
            "the job's virtual machine runs, with a network",
            60,
        )
        own.run(["condor_rm", str(cluster)])
        own.wait_until(lambda: not own.run("virsh list --name").stdout.strip(), "the virtual machine is gone", 150)
    assert pool.slot_ad(own)["HasVM"] is True
