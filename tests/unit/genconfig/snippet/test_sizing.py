"""The sizing rule: never more than the host can spare, never negative, and more RAM never means less."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.genconfig.probes.memory import Memory
from condor_kvm_stage.genconfig.snippet.sizing import STEP_MIB, Sizing, size
from condor_kvm_stage.policy.model import AUTO, Auto, VmPolicy

MIB = 1 << 20


def policy(**keys: int) -> VmPolicy:
    """The default policy except for some keys; sizes in bytes, like from the policy's reader."""
    vm = VmPolicy()
    for key, value in keys.items():
        assert key in VmPolicy.__slots__
        setattr(vm, key, value)
    return vm


def sized(ram: int, cpus: int = 8, *, huge: int = 0, limit: int | None = None, slots: int | None = None) -> Sizing:
    return size(Memory(ram, huge, 1, limit), slots, cpus, VmPolicy())


mib = st.integers(0, 1 << 23)  # 8 TiB
limits = st.none() | mib
cpu_counts = st.integers(1, 1024)
memories = st.builds(Memory, mib, mib, st.integers(1, 8), limits)
free_policies = st.builds(
    policy,
    memory_percent=st.integers(1, 100),
    reserve=st.integers(0, 1 << 40),
    reserve_percent=st.integers(0, 90),
    overhead=st.integers(0, 4 << 30),
    max_number=st.just(AUTO) | st.integers(1, 10000),
)
fixed_policies = st.builds(policy, memory=st.integers(1, 1 << 43), reserve=st.integers(0, 1 << 40))


@pytest.mark.parametrize(
    ("ram", "cpus", "memory", "number"),
    [
        (0, 1, 0, 1),
        (1000, 4, 0, 1),
        (1024, 4, 0, 1),
        (1280, 4, 128, 1),  # 256 MiB to spare, one overhead of 128
        (2048, 2, 768, 1),
        (7900, 4, 6336, 4),
        (16000, 8, 13952, 8),
        (64000, 32, 56704, 32),
        (515000, 128, 472832, 128),
        (4194304, 256, 3951808, 256),
    ],
)
def test_known_hosts(ram: int, cpus: int, memory: int, number: int) -> None:
    found = sized(ram, cpus)
    assert (found.memory, found.number) == (memory, number)


@given(memories, limits, cpu_counts, free_policies)
def test_host_keeps_its_reserve_whatever_the_policy(
    memory: Memory, slots: int | None, cpus: int, wanted: VmPolicy
) -> None:
    found = size(memory, slots, cpus, wanted)
    reserve = max(wanted.reserve // MIB, memory.ram * wanted.reserve_percent // 100)
    assert found.reserve == reserve
    assert found.memory >= 0
    assert found.memory % STEP_MIB == 0
    assert found.memory == 0 or found.memory + found.overhead + reserve + memory.huge_pages <= memory.ram
    assert found.memory <= min([memory.ram, *(limit for limit in (slots, memory.cgroup_limit) if limit is not None)])
    assert found.number >= 1
    assert not found.fixed


@given(memories, mib, limits, cpu_counts, free_policies | fixed_policies)
def test_more_ram_never_means_less(memory: Memory, more: int, slots: int | None, cpus: int, wanted: VmPolicy) -> None:
    small, large = (size(replace(memory, ram=ram), slots, cpus, wanted) for ram in (memory.ram, memory.ram + more))
    assert small.memory <= large.memory
    assert small.number <= large.number


@given(memories, limits, cpu_counts, fixed_policies)
def test_fixed_memory_is_what_the_policy_says_as_far_as_the_host_has_it(
    memory: Memory, slots: int | None, cpus: int, wanted: VmPolicy
) -> None:
    found = size(memory, slots, cpus, wanted)
    free = max(0, memory.ram - memory.huge_pages)
    there = [limit for limit in (free, slots, memory.cgroup_limit) if limit is not None]
    assert not isinstance(wanted.memory, Auto)
    assert found.memory == min(wanted.memory // MIB, *there)
    assert found.fixed
    assert bool(found.cap) == (found.memory < wanted.memory // MIB)


@given(memories, limits, cpu_counts, free_policies, st.integers(1, 10000))
def test_number_is_the_policys_or_at_most_one_for_each_cpu(
    memory: Memory, slots: int | None, cpus: int, wanted: VmPolicy, number: int
) -> None:
    wanted.max_number = AUTO
    found = size(memory, slots, cpus, wanted)
    assert found.number <= cpus
    # with QEMU's part for each of them set aside, unless that is the smallest there is
    assert found.number * (wanted.overhead // MIB) <= found.overhead
    wanted.max_number = number
    assert size(memory, slots, cpus, wanted).number == number


@given(memories, limits, cpu_counts, free_policies)
def test_a_little_more_ram_is_never_a_jump(memory: Memory, slots: int | None, cpus: int, wanted: VmPolicy) -> None:
    """A host whose MemTotal differs a little at each boot offers nearly the same."""
    one, other = (size(replace(memory, ram=ram), slots, cpus, wanted) for ram in (memory.ram, memory.ram + 1))
    assert other.memory - one.memory in (0, STEP_MIB)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, Sizing(13952, 8, 1024, 1024)),
        ({"reserve": 4096 * MIB}, Sizing(10880, 8, 4096, 1024)),
        ({"reserve_percent": 50}, Sizing(6976, 8, 8000, 1024)),
        ({"reserve": 0, "reserve_percent": 0}, Sizing(14976, 8, 0, 1024)),
        ({"overhead": 256 * MIB}, Sizing(12928, 8, 1024, 2048)),
        ({"overhead": 0}, Sizing(14976, 8, 1024, 0)),
        ({"memory_percent": 50}, Sizing(6976, 8, 1024, 1024)),
        ({"max_number": 2}, Sizing(14720, 2, 1024, 256)),
        ({"max_number": 1000}, Sizing(11968, 1000, 1024, 2995)),  # no more than a fifth for QEMU
        ({"memory": 10000 * MIB}, Sizing(10000, 8, fixed=True)),
        ({"memory": 10000 * MIB, "max_number": 3}, Sizing(10000, 3, fixed=True)),
        ({"memory": 20000 * MIB}, Sizing(16000, 8, cap="the host's memory, 16000 MiB", fixed=True)),
    ],
)
def test_each_key_of_the_policy_has_its_effect(keys: dict[str, int], expected: Sizing) -> None:
    assert size(Memory(16000, 0, 1, None), None, 8, policy(**keys)) == expected


def test_huge_pages_are_not_for_guests() -> None:
    assert sized(16000, huge=4000).memory == sized(16000).memory - 4032
    assert sized(16000, huge=20000).memory == 0


@pytest.mark.parametrize(
    ("limit", "slots", "memory", "cap"),
    [
        (None, None, 13952, ""),
        (None, 8000, 8000, "HTCondor's memory for all slots, 8000 MiB"),
        (4000, 8000, 3968, "the control group's limit, 4000 MiB"),
        (4000, None, 3968, "the control group's limit, 4000 MiB"),
        (20000, 16000, 13952, ""),
        (None, 0, 0, "HTCondor's memory for all slots, 0 MiB"),
    ],
)
def test_what_limits_the_memory_is_said(limit: int | None, slots: int | None, memory: int, cap: str) -> None:
    found = sized(16000, limit=limit, slots=slots)
    assert (found.memory, found.cap) == (memory, cap)
