"""The sizing rule: never more than the host can spare, never negative, more RAM never means less."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.genconfig.sizing import RESERVE_MIB, vm_memory_mib

ram = st.integers(0, 1 << 30)


@pytest.mark.parametrize(
    ("ram_mib", "memory"),
    [(0, 0), (1024, 0), (1088, 64), (7900, 6848), (16000, 14976), (64000, 60800), (4194304, 3984576)],
)
def test_memory_of_known_hosts(ram_mib: int, memory: int) -> None:
    assert vm_memory_mib(ram_mib) == memory


@given(ram)
def test_the_host_keeps_its_reserve(ram_mib: int) -> None:
    memory = vm_memory_mib(ram_mib)
    assert memory == 0 or (0 < memory <= ram_mib - RESERVE_MIB and memory <= 0.95 * ram_mib + 1)


@given(ram, ram)
def test_more_ram_never_means_less_memory(one: int, other: int) -> None:
    small, large = sorted([one, other])
    assert vm_memory_mib(small) <= vm_memory_mib(large)
