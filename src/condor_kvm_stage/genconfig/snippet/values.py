"""Decide the values of the HTCondor configuration snippet, from a host's facts and its policy. Pure."""

from __future__ import annotations

from ...policy.model import Auto, Policy
from ...record import dataclass, field
from ..probes.collect import HostFacts
from . import network, sizing, start_guard


@dataclass(frozen=True)
class Values:
    """What the template can use."""

    no_vm: str  # why the node offers no VM universe, "" if it does
    host: list[str]  # what the values are based on, one line each
    size: sizing.Sizing
    network: network.Offer
    plugin: str  # its path
    canary: str  # the URL that the plug-in must be able to stage, "" for none
    guard: dict[str, str] = field(default_factory=dict)  # expressions by slot attribute
    guarded: bool = True  # whether the domain builder defines virtual machines, not HTCondor's own script
    filtered: bool = True  # whether our filter runs HTCondor's vm-gahp


def decide(facts: HostFacts, policy: Policy) -> Values:
    """Return the values that a host's facts and its policy call for."""
    cpus = facts.htcondor.number("NUM_CPUS") or facts.cpu.count
    size = sizing.size(facts.memory, facts.htcondor.memory, cpus, policy.vm)
    # Permission denied says nothing about what HTCondor's vm-gahp and libvirt can do, which run as root
    no_vm = "" if facts.kvm.denied else facts.kvm.reason
    if not no_vm and policy.guest.guarded:
        no_vm = facts.guest_user.fault
    if not no_vm and size.memory == 0:
        no_vm = f"{facts.memory.ram} MiB of memory leave nothing for virtual machines"
    offer = network.offer(facts, policy.network, policy.staging.guests_have_own_user)
    return _values(no_vm, _based_on(facts, cpus), size, offer, facts.programs.plugin, policy)


def decide_for_tree(policy: Policy, plugin: str) -> Values:
    """Return the values for the host of a tree, which cannot be probed: the policy sets them. See missing_for_tree().

    plugin: its path in the tree.
    """
    memory, number = policy.vm.memory, policy.vm.max_number
    if isinstance(memory, Auto) or isinstance(number, Auto):
        raise ValueError("vm.memory and vm.max_number must be set")
    size = sizing.Sizing(memory >> 20, number, fixed=True)
    types = network.Offer(tuple(policy.network.types), {}, policy.network.bridge)
    return _values("", ["not looked at: the policy fixes all values"], size, types, plugin, policy)


def missing_for_tree(policy: Policy) -> list[str]:
    """Return the keys that decide_for_tree() needs and that the policy does not set."""
    missing = [] if "network.types" in policy.given else ["network.types"]
    if "bridge" in policy.network.types and not policy.network.bridge:
        missing.append("network.bridge")
    return missing + [f"vm.{key}" for key in ("memory", "max_number") if isinstance(getattr(policy.vm, key), Auto)]


def canary_url(policy: Policy) -> str:
    """Return the URL that HTCondor tests the plug-in with, "" for none."""
    image = policy.staging.canary_image
    return f"nfs://{image}:canary.qcow2" if image else ""


def _values(
    no_vm: str, host: list[str], size: sizing.Sizing, offer: network.Offer, plugin: str, policy: Policy
) -> Values:
    return Values(
        no_vm=no_vm,
        host=host,
        size=size,
        network=offer,
        plugin=plugin,
        canary=canary_url(policy),
        guard=start_guard.attributes(policy.vm.disk_dirs),
        guarded=policy.guest.guarded,
        filtered=policy.guest.guarded and policy.guest.filtered,
    )


def _based_on(facts: HostFacts, cpus: int) -> list[str]:
    memory = facts.memory
    limit = [] if memory.cgroup_limit is None else [f"the control group's limit is {memory.cgroup_limit} MiB"]
    huge = [f"{memory.huge_pages} MiB of them reserved for huge pages"] if memory.huge_pages else []
    slots = facts.htcondor.memory
    return [
        ", ".join([f"{memory.ram} MiB of memory", *huge, *limit]),
        f"HTCondor's slots have {cpus} CPUs" + (f" and {slots} MiB" if slots is not None else ""),
    ]
