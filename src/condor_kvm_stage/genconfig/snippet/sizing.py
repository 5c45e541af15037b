"""How much memory a node offers to virtual machines, and how many of them. Pure: numbers in, numbers out.

The rule is in condor-kvm-stage-genconfig(8), "SIZING".
"""

from __future__ import annotations

from ...policy.model import Auto, VmPolicy
from ...record import dataclass
from ..probes.memory import Memory

STEP_MIB = 64
_OVERHEAD_SHARE = 5  # a fifth: the most that the overhead of many machines may take on a host with little memory


@dataclass(frozen=True)
class Sizing:
    """The size of a node's VM universe."""

    memory: int  # MiB, for VM_MEMORY; 0 if there is not enough
    number: int  # for VM_MAX_NUMBER
    reserve: int = 0  # MiB that stay with the host
    overhead: int = 0  # MiB for QEMU itself, for all machines together
    cap: str = ""  # the limit that reduced memory, "" for none
    fixed: bool = False  # whether the policy sets memory


def size(memory: Memory, htcondor_memory: int | None, cpus: int, wanted: VmPolicy) -> Sizing:
    """Return what a host offers. htcondor_memory: MiB of all slots, None if unknown. cpus: of all slots.

    Rounded down to 64 MiB, so that hosts of one model offer the same: their MemTotal varies by some pages at each boot.
    """
    number = cpus if isinstance(wanted.max_number, Auto) else wanted.max_number
    free = max(0, memory.ram - memory.huge_pages)
    caps = [
        (htcondor_memory, f"HTCondor's memory for all slots, {htcondor_memory} MiB"),
        (memory.cgroup_limit, f"the control group's limit, {memory.cgroup_limit} MiB"),
    ]
    limits = [(limit, reason) for limit, reason in caps if limit is not None]
    if not isinstance(wanted.memory, Auto):
        limit, cap = min([(wanted.memory >> 20, ""), (free, f"the host's memory, {free} MiB"), *limits])
        return Sizing(limit, number, cap=cap, fixed=True)
    reserve = max(wanted.reserve >> 20, memory.ram * wanted.reserve_percent // 100)
    available = max(0, free - reserve)
    each = wanted.overhead >> 20
    # If memory does not suffice for a machine on each CPU: fewer machines, rather than none
    overhead = max(each, min(number * each, available // _OVERHEAD_SHARE))
    if each and isinstance(wanted.max_number, Auto):
        number = min(number, overhead // each)
    offered = max(0, available - overhead) * wanted.memory_percent // 100
    limit, cap = min([(offered, ""), *limits])
    return Sizing(limit // STEP_MIB * STEP_MIB, number, reserve, overhead, cap)
