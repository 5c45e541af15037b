"""All facts about a host: each comes from its own module, and a missing one is one message."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig.probes import (
    collect,
    cpu,
    devices,
    environment,
    guest_user,
    htcondor,
    kvm,
    libvirt,
    memory,
    programs,
)
from condor_kvm_stage.host import FactsError
from support.fake_host import FakeHost


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A booted host with a CPU, memory, and HTCondor's directory."""
    for path in ("proc", "run/systemd/system", "etc/condor/config.d", "dev"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "proc/cpuinfo").write_text("processor\t: 0\nflags\t\t: fpu vmx lm\n")
    (tmp_path / "proc/meminfo").write_text("MemTotal:       16384000 kB\n")
    return tmp_path


def test_facts_are_those_of_each_module(root: Path) -> None:
    answers = {
        "/usr/sbin/libvirtd": Answer(0, "libvirtd (libvirt) 12.8.0\n"),
        "/usr/bin/condor_config_val": Answer(1, "CONDOR_VERSION = 25.14.1\n # at: <Default>\n"),
    }
    host = FakeHost(root, kvm="EACCES", programs=answers)
    found = collect.collect(host)
    assert found == collect.HostFacts(
        cpu.probe(host),
        kvm.probe(host),
        memory.probe(host),
        environment.probe(host),
        libvirt.probe(host),
        htcondor.probe(host),
        devices.probe(host),
        programs.probe(host),
        guest_user.probe(host),
    )
    assert (found.cpu.extension, found.kvm.code, found.memory.ram) == ("Intel VT-x", "EACCES", 16000)
    assert found.environment.booted
    assert (found.libvirt.version, found.htcondor.version) == ((12, 8, 0), (25, 14, 1))


@pytest.mark.parametrize("name", ["cpuinfo", "meminfo"])
def test_host_without_proc_is_one_message(root: Path, name: str) -> None:
    (root / "proc" / name).unlink()
    with pytest.raises(FactsError, match=f"there is no /proc/{name}; check that /proc is mounted"):
        collect.collect(FakeHost(root))
