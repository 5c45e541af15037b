"""A guest has no more CPUs and memory than its job's slot, as far as the slot's ad in the scratch directory says so."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from condor_kvm_stage.domain import slot
from condor_kvm_stage.failures import NodeError, ParameterError
from hostile import qcow2
from support.domain.builder_in_process import Programs
from support.domain.disk_files import put
from support.domain.job_ads import ad_of, parse

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root defines another user's guest")

# As the starter writes it, with what is of no interest left out
AD = b"""Activity = "Idle"
Cpus = 2
CpusUsage = 0.0
Memory = 128
MemoryUsage = undefined
Name = "slot1_1@worker"
Requirements = (START) && (WithinResourceLimits)
TotalSlotMemory = 4096
"""


@pytest.mark.parametrize(("memory", "cpus"), [("128", "2"), ("1", "1")])
def test_guest_that_fits_is_let_through(memory: str, cpus: str) -> None:
    slot.check(parse(JobVMMemory=memory, JobVM_VCPUS=cpus), AD)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"JobVMMemory": "129"},
            "the guest's memory, vm_memory, is 129 MiB, and the job's slot has 128; write request_memory = 129, and "
            "leave out vm_memory, which follows it",
        ),
        (
            {"JobVM_VCPUS": "3"},
            "the guest's CPUs, vm_vcpus, are 3, and the job's slot has 2; write request_cpus = 3, and leave out "
            "vm_vcpus, which follows it",
        ),
    ],
)
def test_guest_that_does_not_is_refused_with_what_to_write(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ParameterError, match=f"^{re.escape(message)}$"):
        slot.check(parse(**changes), AD)


@pytest.mark.parametrize(
    "ad",
    [
        b"",
        b"Cpus = 2\n",
        b"Memory = 128\n",
        AD.replace(b"= 128", b"= 64 + 64"),
        AD.replace(b"= 2", b"= undefined"),
        AD + b"Memory = 4096\n",
        AD + b"cpus = 64\n",
    ],
)
def test_ad_that_does_not_say_it_is_no_slot(ad: bytes) -> None:
    with pytest.raises(NodeError, match="does not say how much memory and how many CPUs"):
        slot.check(parse(), ad)


def test_ad_is_read_only_from_a_regular_file(tmp_path: Path) -> None:
    assert slot.read(str(tmp_path)) == b""
    path = tmp_path / slot.MACHINE_AD
    os.mkfifo(path)
    assert slot.read(str(tmp_path)) == b""
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert slot.read(str(tmp_path)) == b""
    path.unlink()
    path.write_bytes(AD)
    assert slot.read(str(tmp_path)) == AD


@needs_root
@pytest.mark.parametrize(
    ("ad", "message"),
    [(AD.replace(b"= 128", b"= 63"), "the job's slot has 63"), (b"", "does not say how much memory")],
)
def test_builder_refuses_it_too(programs: Programs, scratch: Path, ad: bytes, message: str) -> None:
    put(scratch / "disk.qcow2", qcow2())
    put(scratch / slot.MACHINE_AD, ad)
    assert message in programs.build(ad_of()).refusal()
