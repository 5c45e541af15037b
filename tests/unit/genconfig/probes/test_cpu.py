"""The CPU, from /proc/cpuinfo of several machines."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.genconfig.probes import cpu
from condor_kvm_stage.genconfig.probes.cpu import Cpu, parse
from condor_kvm_stage.host import FactsError
from support.fake_host import FakeHost

V1 = "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 syscall nx lm"
V2 = f"{V1} pni ssse3 cx16 sse4_1 sse4_2 popcnt lahf_lm"
V3 = f"{V2} fma movbe xsave avx f16c abm bmi1 avx2 bmi2"
V4 = f"{V3} avx512f avx512dq avx512cd avx512bw avx512vl"

INTEL = f"""\
processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 85
model name\t: Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz
physical id\t: 0
flags\t\t: {V4} vmx
vmx flags\t: vnmi preemption_timer ept

processor\t: 1
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz
physical id\t: 1
flags\t\t: {V4} vmx
vmx flags\t: vnmi preemption_timer ept

"""
AMD = f"""\
processor\t: 0
vendor_id\t: AuthenticAMD
model name\t: AMD EPYC 7302 16-Core Processor
flags\t\t: {V3} svm hypervisor
bugs\t\t: sysret_ss_attrs vmx
"""
AARCH64 = """\
processor\t: 0
BogoMIPS\t: 50.00
Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics svm
CPU implementer\t: 0x41
CPU architecture: 8
CPU part\t: 0xd0c

processor\t: 1
CPU implementer\t: 0x41

processor\t: 2
CPU implementer\t: 0x41
"""


def test_intel_of_two_sockets() -> None:
    model = "Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz"
    assert parse(INTEL, "x86_64") == Cpu("x86_64", "GenuineIntel", model, 2, "Intel VT-x", 4, False)


def test_amd_in_a_virtual_machine() -> None:
    model = "AMD EPYC 7302 16-Core Processor"
    assert parse(AMD, "x86_64") == Cpu("x86_64", "AuthenticAMD", model, 1, "AMD-V", 3, True)


def test_aarch64_shows_nothing_and_is_not_expected_to() -> None:
    found = parse(AARCH64, "aarch64")
    assert found == Cpu("aarch64", "", "", 3, "", 0, False)
    assert not found.shows_extensions
    assert parse(AMD, "x86_64").shows_extensions
    assert parse(AMD, "i686").shows_extensions


@pytest.mark.parametrize(
    ("flags", "level"),
    [("fpu", 0), (V1, 1), (V2, 2), (V3, 3), (V4, 4), (V4.replace(" bmi1", ""), 2), (V4.replace(" ssse3", ""), 1)],
)
def test_level_is_the_highest_of_which_no_flag_is_missing_from_it_or_below(flags: str, level: int) -> None:
    assert parse(f"flags : {flags}\n", "x86_64").level == level
    assert parse(f"flags : {flags}\n", "i686").level == 0


@pytest.mark.parametrize(
    ("cpuinfo", "name"),
    [
        ("flags\t\t: fpu svm\n", "AMD-V"),
        ("vmx flags\t: yes\nflags : fpu\n", ""),
        ("flags : fpu xvmx vmxx\n", ""),
        ("", ""),
    ],
)
def test_extension_is_a_flag_of_its_own(cpuinfo: str, name: str) -> None:
    assert parse(cpuinfo, "x86_64").extension == name


def test_probe_takes_the_kernels_architecture_else_that_of_uname(tmp_path: Path) -> None:
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/cpuinfo").write_text(AARCH64)
    assert cpu.probe(FakeHost(tmp_path)).architecture == os.uname().machine
    (tmp_path / "proc/sys/kernel/arch").write_text("aarch64\n")
    assert cpu.probe(FakeHost(tmp_path)) == parse(AARCH64, "aarch64")


def test_host_without_proc_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(FactsError, match="no /proc/cpuinfo; check that /proc is mounted"):
        cpu.probe(FakeHost(tmp_path))


@given(st.text() | st.text(st.sampled_from("procesrflagvmx: \n\t")), st.sampled_from(["x86_64", "aarch64"]))
def test_any_text_is_a_cpu(cpuinfo: str, architecture: str) -> None:
    found = parse(cpuinfo, architecture)
    assert found.count >= 1
    assert 0 <= found.level <= 4
