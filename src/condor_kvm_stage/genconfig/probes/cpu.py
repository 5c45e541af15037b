"""What kind of CPU the host has, from /proc/cpuinfo (proc_cpuinfo(5))."""

from __future__ import annotations

import os

from ...host import FactsError, Host
from ...record import dataclass

_EXTENSIONS = {"vmx": "Intel VT-x", "svm": "AMD-V"}
# The x86-64 psABI, section 3.1.1, "Micro-Architecture Levels", by the kernel's names of the flags (cpufeatures.h)
_LEVELS = (
    {"lm", "cmov", "cx8", "fpu", "fxsr", "mmx", "syscall", "sse", "sse2"},
    {"cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"},  # pni is SSE3
    {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"},  # abm has LZCNT
    {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
)


@dataclass(frozen=True)
class Cpu:
    """The host's CPUs, which are all of one kind."""

    architecture: str  # as printed by uname -m
    vendor: str  # as in /proc/cpuinfo, "" where it is not there (aarch64)
    model: str  # likewise
    count: int  # logical CPUs
    extension: str  # the name of the virtualisation extension, "" if no flag shows one
    level: int  # the x86-64 level, 1 to 4; 0 on other architectures
    hypervisor: bool  # whether the CPU says that this is a virtual machine

    @property
    def shows_extensions(self) -> bool:
        """Whether the flags of this architecture would show an extension: those of aarch64 never do."""
        return self.architecture in ("x86_64", "i686")


def probe(host: Host) -> Cpu:
    """Read /proc/cpuinfo. Raises FactsError where there is none."""
    text = host.text("/proc/cpuinfo")
    if text is None:
        raise FactsError("there is no /proc/cpuinfo; check that /proc is mounted")
    return parse(text, architecture(host))


def architecture(host: Host) -> str:
    """Return the host's architecture, as printed by uname -m."""
    return (host.text("/proc/sys/kernel/arch") or os.uname().machine).strip()  # the file exists since Linux 6.1


def parse(cpuinfo: str, architecture: str) -> Cpu:
    """Return the CPUs that the text of /proc/cpuinfo describes, on a host of that architecture."""
    first: dict[str, str] = {}
    count = 0
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        key = key.strip()
        count += key == "processor"
        first.setdefault(key, value.strip())
    flags = set(first.get("flags", "").split())
    extensions = [name for flag, name in _EXTENSIONS.items() if flag in flags]
    return Cpu(
        architecture=architecture,
        vendor=first.get("vendor_id", ""),
        model=first.get("model name", ""),
        count=max(1, count),
        extension=extensions[0] if extensions else "",
        level=_level(flags) if architecture == "x86_64" else 0,
        hypervisor="hypervisor" in flags,
    )


def _level(flags: set[str]) -> int:
    reached = 0
    for needed in _LEVELS:
        if not needed <= flags:
            break
        reached += 1
    return reached
