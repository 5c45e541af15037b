"""The values of the snippet: from a host's facts and the policy, or from the policy alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from condor_kvm_stage.genconfig.probes import collect
from condor_kvm_stage.genconfig.probes.collect import HostFacts
from condor_kvm_stage.genconfig.probes.kvm import KvmDevice
from condor_kvm_stage.genconfig.snippet import render, start_guard, values
from condor_kvm_stage.policy.model import Policy
from support.recorded_hosts import GOOD, RecordedHost
from support.snippet_text import rendered


@pytest.fixture
def host() -> HostFacts:
    """A host with KVM, and with HTCondor's configuration known."""
    return collect.collect(RecordedHost(GOOD))


def test_host_is_what_the_comment_says_it_is_worked_out_from(host: HostFacts) -> None:
    memory = replace(host.memory, huge_pages=2048, cgroup_limit=16384)
    found = values.decide(replace(host, memory=memory), Policy())
    assert found.host == [
        "64000 MiB of memory, 2048 MiB of them reserved for huge pages, the control group's limit is 16384 MiB",
        "HTCondor's slots have 4 CPUs and 64000 MiB",
    ]


def test_cpus_are_those_of_htcondor_where_it_says(host: HostFacts) -> None:
    assert values.decide(host, Policy()).size.number == 4
    unknown = replace(host, cpu=replace(host.cpu, count=7), htcondor=replace(host.htcondor, settings={}))
    found = values.decide(unknown, Policy())
    assert found.size.number == 7
    assert found.host[1] == "HTCondor's slots have 7 CPUs"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("ENOENT", "cannot open /dev/kvm: x"),
        ("EPERM", "cannot open /dev/kvm: x"),
        ("", "/dev/kvm has API version 11, not 12"),
    ],
)
def test_node_without_kvm_has_no_vm_universe(host: HostFacts, code: str, reason: str) -> None:
    assert values.decide(replace(host, kvm=KvmDevice(False, reason, code)), Policy()).no_vm == reason


def test_who_may_not_open_the_device_does_not_take_vm_universe_away(host: HostFacts) -> None:
    found = values.decide(replace(host, kvm=KvmDevice(False, "cannot open /dev/kvm: x", "EACCES")), Policy())
    assert found == values.decide(host, Policy())


def test_host_without_memory_to_spare_has_no_vm_universe(host: HostFacts) -> None:
    found = values.decide(replace(host, memory=replace(host.memory, ram=900)), Policy())
    assert found.no_vm == "900 MiB of memory leave nothing for virtual machines"


def test_policy_decides_on_canary_disks_and_networks(host: HostFacts) -> None:
    policy = Policy()
    policy.staging.canary_image = "/srv/canary.qcow2"
    policy.vm.disk_dirs = ["/srv/disks"]
    policy.network.types = ["bridge"]
    policy.network.bridge = "br0"
    found = values.decide(replace(host, devices=replace(host.devices, interfaces=("br0",))), policy)
    assert found.canary == "nfs:///srv/canary.qcow2:canary.qcow2"
    assert found.guard == start_guard.attributes(["/srv/disks"])
    assert found.network.types == ("bridge",)


def test_policy_decides_whose_program_defines_virtual_machines(host: HostFacts) -> None:
    policy = Policy()
    policy.vm.memory, policy.vm.max_number = 1 << 30, 1
    assert values.decide(host, policy).guarded
    assert values.decide_for_tree(policy, "/x").guarded
    policy.guest.guarded = False
    assert not values.decide(host, policy).guarded
    assert not values.decide_for_tree(policy, "/x").guarded


def test_filter_goes_with_the_domain_builder_and_policy_can_switch_it_off(host: HostFacts) -> None:
    policy = Policy()
    assert values.decide(host, policy).filtered
    policy.guest.guarded = False
    assert not values.decide(host, policy).filtered
    policy.guest.guarded, policy.guest.filtered = True, False
    assert not values.decide(host, policy).filtered


def test_tree_gets_what_its_policy_sets_and_nothing_else() -> None:
    policy = Policy()
    policy.vm.memory, policy.vm.max_number = 32 << 30, 8
    policy.network.types, policy.network.bridge = ["nat", "bridge"], "br0"
    policy.given = ["network.types"]
    assert values.missing_for_tree(policy) == []
    found = rendered(values.decide_for_tree(policy, "/usr/libexec/x/vm-nfs-plugin"))
    assert (found["VM_MEMORY"], found["VM_MAX_NUMBER"]) == ("32768", "8")
    assert found["FILETRANSFER_PLUGINS"].endswith(", /usr/libexec/x/vm-nfs-plugin")
    assert (found["VM_NETWORKING_TYPE"], found["VM_NETWORKING_BRIDGE_INTERFACE"]) == ("nat, bridge", "br0")
    assert "#   not looked at: the policy fixes all values\n" in render.render(
        values.decide_for_tree(policy, "/usr/libexec/x/vm-nfs-plugin")
    )


def test_policy_that_leaves_values_to_the_host_is_not_enough_for_a_tree() -> None:
    policy = Policy()
    assert values.missing_for_tree(policy) == ["network.types", "vm.memory", "vm.max_number"]
    policy.given, policy.network.types = ["network.types"], ["bridge"]
    policy.vm.memory = 1 << 30
    assert values.missing_for_tree(policy) == ["network.bridge", "vm.max_number"]
