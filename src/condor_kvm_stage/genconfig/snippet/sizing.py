"""How much memory a node offers to virtual machines, and how many of them. Pure: numbers in, numbers out.

The rule is in condor-kvm-stage-genconfig(8), "SIZING".
"""

from __future__ import annotations

from dataclasses import dataclass

from ...policy.model import AUTO, VmPolicy
from ..probes.memory import Memory

STEP_MIB = 64
_OVERHEAD_SHARE = 5  # one part in five: what the overheads of many machines may take of a host with little memory


@dataclass(frozen=True)
class Sizing:
    """memory: VM_MEMORY, in MiB, 0 if nothing can be spared. number: VM_MAX_NUMBER.

    reserve, overhead: MiB that stay with the host, and with QEMU for all machines together. cap: what limits memory
    besides, "" for nothing. fixed: whether the policy says how much it is.
    """

    memory: int
    number: int
    reserve: int = 0
    overhead: int = 0
    cap: str = ""
    fixed: bool = False


def size(memory: Memory, htcondor_memory: int | None, cpus: int, wanted: VmPolicy) -> Sizing:
    """Return what a host offers. htcondor_memory: MiB for all slots, None if unknown. cpus: those of all slots.

    Steps of 64 MiB, so that hosts of one model, whose MemTotal differs by a few pages at each boot, offer the same.
    """
    number = cpus if wanted.max_number == AUTO else wanted.max_number
    free = max(0, memory.ram - memory.huge_pages)
    caps = [
        (htcondor_memory, f"HTCondor's memory for all slots, {htcondor_memory} MiB"),
        (memory.cgroup_limit, f"the control group's limit, {memory.cgroup_limit} MiB"),
    ]
    limits = [(limit, reason) for limit, reason in caps if limit is not None]
    if wanted.memory != AUTO:
        limit, cap = min([(wanted.memory >> 20, ""), (free, f"the host's memory, {free} MiB"), *limits])
        return Sizing(limit, number, cap=cap, fixed=True)
    reserve = max(wanted.reserve >> 20, memory.ram * wanted.reserve_percent // 100)
    available = max(0, free - reserve)
    each = wanted.overhead >> 20
    # With little memory not every CPU can have a machine: then fewer machines, rather than none
    overhead = max(each, min(number * each, available // _OVERHEAD_SHARE))
    if each and wanted.max_number == AUTO:
        number = min(number, overhead // each)
    offered = max(0, available - overhead) * wanted.memory_percent // 100
    limit, cap = min([(offered, ""), *limits])
    return Sizing(limit // STEP_MIB * STEP_MIB, number, reserve, overhead, cap)
