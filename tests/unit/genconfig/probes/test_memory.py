"""A host's memory: /proc/meminfo, huge pages, NUMA nodes, and limits of control groups v1 and v2."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig.probes import memory
from condor_kvm_stage.genconfig.probes.memory import Memory, ram_mib
from condor_kvm_stage.host import FactsError
from support.fake_host import FakeHost, write

GIB = 1 << 30
V1_UNLIMITED = 9223372036854771712  # as Linux prints it
MEMINFO = """\
MemTotal:       16384000 kB
MemFree:         1234567 kB
HugePages_Total:       4
Hugepagesize:       2048 kB
Hugetlb:         8388608 kB
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "proc/meminfo", MEMINFO)
    return tmp_path


def limit(root: Path) -> int | None:
    return memory.probe(FakeHost(root)).cgroup_limit


def test_bare_host_has_its_ram_on_one_node_without_limit(root: Path) -> None:
    assert memory.probe(FakeHost(root)) == Memory(16000, 0, 1, None)


def test_huge_pages_of_all_sizes_count(root: Path) -> None:
    write(root, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "512\n")
    write(root, "sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "3\n")
    write(root, "sys/kernel/mm/hugepages/hugepages-64kB/nr_hugepages", "0\n")
    write(root, "sys/kernel/mm/hugepages/hugepages-32768kB/free_hugepages", "7\n")
    assert memory.probe(FakeHost(root)).huge_pages == 512 * 2 + 3 * 1024


def test_numa_nodes_are_counted_and_nothing_else_there(root: Path) -> None:
    for name in ("node0", "node1", "node10", "nodes", "power"):
        (root / "sys/devices/system/node" / name).mkdir(parents=True)
    write(root, "sys/devices/system/node/has_memory", "0-2\n")
    assert memory.probe(FakeHost(root)).numa_nodes == 3


@pytest.mark.parametrize(
    ("group", "limits", "expected"),
    [
        ("/system.slice/x.service", {"system.slice/x.service": str(2 * GIB)}, 2048),
        ("/system.slice/x.service", {"system.slice/x.service": "max"}, None),
        ("/a/b/c", {"a": str(GIB), "a/b": "max", "a/b/c": str(3 * GIB)}, 1024),
        ("/a/b/c", {"a": str(3 * GIB), "a/b": str(2 * GIB), "a/b/c": str(GIB)}, 1024),
        ("/", {"": str(GIB)}, 1024),  # in a container with a namespace of its own
        ("/../outside", {"": str(GIB), "..": "1048576"}, 1024),
        ("/a", {"b": str(GIB)}, None),
        ("/a", {"a": str(GIB + (1 << 20) - 1)}, 1024),
        ("/a", {"a": ""}, None),
    ],
)
def test_limit_of_cgroup_v2_is_the_smallest_from_here_up(
    root: Path, group: str, limits: dict[str, str], expected: int | None
) -> None:
    write(root, "proc/1/cgroup", f"0::{group}\n")
    for path, value in limits.items():
        write(root, f"sys/fs/cgroup/{path}/memory.max", f"{value}\n")
    assert limit(root) == expected


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"": V1_UNLIMITED, "slurm": V1_UNLIMITED, "slurm/job": 4 * GIB}, 4096),
        ({"": V1_UNLIMITED, "slurm": 2 * GIB, "slurm/job": V1_UNLIMITED}, 2048),
        ({"": V1_UNLIMITED, "slurm": V1_UNLIMITED, "slurm/job": V1_UNLIMITED}, None),
        ({"": 3 * GIB}, 3072),  # a container sees its own group as the root
    ],
)
def test_limit_of_cgroup_v1_is_that_of_its_memory_controller(
    root: Path, limits: dict[str, int], expected: int | None
) -> None:
    write(root, "proc/1/cgroup", "12:cpu,cpuacct:/slurm/cpu\n5:memory:/slurm/job\n1:name=systemd:/\n0::/init.scope\n")
    for path, value in limits.items():
        write(root, f"sys/fs/cgroup/memory/{path}/memory.limit_in_bytes", f"{value}\n")
    write(root, "sys/fs/cgroup/memory/slurm/cpu/memory.limit_in_bytes", "1048576\n")
    assert limit(root) == expected


@pytest.mark.parametrize("text", ["", "MemFree: 1 kB\n", "MemTotal: 1 MB\n", "MemTotal: kB\n", "MemTotal: -1 kB\n"])
def test_meminfo_without_a_total_is_one_message(text: str) -> None:
    with pytest.raises(FactsError, match=r"no line 'MemTotal: <number> kB'; is /proc mounted\?"):
        ram_mib(text)


def test_host_without_proc_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(FactsError, match="no /proc/meminfo; check that /proc is mounted"):
        memory.probe(FakeHost(tmp_path))


@given(st.text() | st.text(st.sampled_from("MemTotal: 019kBG\n\tx")))
def test_any_text_is_a_number_or_one_message(text: str) -> None:
    try:
        assert ram_mib(text) >= 0
    except FactsError as error:
        assert "MemTotal" in str(error)


@given(st.integers(0, 1 << 50))
def test_ram_is_read_in_mib(kib: int) -> None:
    assert ram_mib(f"MemFree: 5 kB\nMemTotal:{kib:20} kB\n") == kib // 1024


@given(st.text(st.sampled_from("0123:memory,/.\n")), st.text(st.sampled_from("0129max \n")))
def test_any_control_group_has_a_limit_or_none(tmp_path_factory: pytest.TempPathFactory, group: str, said: str) -> None:
    root = tmp_path_factory.getbasetemp() / "any"
    write(root, "proc/meminfo", MEMINFO)
    write(root, "proc/1/cgroup", group)
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        write(root, f"sys/fs/cgroup/{name}", said)
    found = limit(root)
    assert found is None or found >= 0


@pytest.mark.parametrize(
    ("answer", "limit"),
    [
        ("8589934592\n", 8192),
        ("infinity\n", None),
        ("18446744073709551615\n", None),
        ("\n", None),
        ("[not set]\n", None),
    ],
)
def test_limit_of_the_slice_for_guests_counts_also_while_there_are_none(
    tmp_path: Path, answer: str, limit: int | None
) -> None:
    write(tmp_path, "proc/meminfo", "MemTotal:       65536000 kB\n")
    host = FakeHost(tmp_path, programs={"/usr/bin/systemctl": Answer(0, answer)})
    assert memory.probe(host).cgroup_limit == limit
