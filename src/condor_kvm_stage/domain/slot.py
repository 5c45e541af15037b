"""The CPUs and memory of a job's slot, which its guest must not exceed.

A guest runs in libvirt's control group, not in the slot's, so nothing limits it but its definition.
"""

from __future__ import annotations

from .. import scratch_files
from ..failures import NodeError, ParameterError
from . import job_ad
from .request import Request

MACHINE_AD = ".machine.ad"  # the starter writes the slot's ad there, in the scratch directory, as the job's user


def check(wanted: Request, machine_ad: bytes) -> None:
    """Raise ParameterError if a guest would have more than its slot; NodeError if the slot's ad does not say how much.

    machine_ad: the content of MACHINE_AD. The user's other jobs can change it, so START is what enforces the limits;
    here they are checked again, and the user is told.
    """
    memory, cpus = _numbers(machine_ad)
    if wanted.memory > memory:
        raise ParameterError(
            f"the guest's memory, vm_memory, is {wanted.memory} MiB, and the job's slot has {memory}; write "
            f"request_memory = {wanted.memory}, and leave out vm_memory, which follows it"
        )
    if wanted.vcpus > cpus:
        raise ParameterError(
            f"the guest's CPUs, vm_vcpus, are {wanted.vcpus}, and the job's slot has {cpus}; write "
            f"request_cpus = {wanted.vcpus}, and leave out vm_vcpus, which follows it"
        )


def read(directory: str) -> bytes:
    """Return the slot's ad from a scratch directory, b"" if it cannot be read. For the hook, as the job's user."""
    return scratch_files.read(f"{directory}/{MACHINE_AD}", job_ad.LARGEST)


def _numbers(machine_ad: bytes) -> tuple[int, int]:
    """Return the slot's memory in MiB, and its CPUs. Fails closed: what the job requests is no slot's word."""
    try:
        ad = job_ad.read(machine_ad)
        memory, cpus = ad.number("Memory"), ad.number("Cpus")
    except ParameterError:
        memory = cpus = None
    if memory is None or cpus is None:
        raise NodeError(
            f"the slot's ad ({MACHINE_AD} in the scratch directory) does not say how much memory and how many CPUs the "
            "slot has; let the user's other jobs leave that file alone, or tell the administrator"
        )
    return memory, cpus
