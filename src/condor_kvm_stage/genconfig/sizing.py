"""How much memory a node offers to virtual machines. Pure: numbers in, a number out."""

from __future__ import annotations

RESERVE_MIB = 1024
RESERVE_SHARE = 20  # one part in twenty
STEP_MIB = 64


def vm_memory_mib(ram_mib: int) -> int:
    """Return VM_MEMORY, in MiB, for a host with ram_mib MiB of RAM; 0 if nothing can be spared.

    The host keeps the larger of 1024 MiB and a twentieth of its RAM: for the kernel, the page cache of the images,
    HTCondor and libvirt, and what QEMU needs beside a guest's memory. The rest is rounded down to 64 MiB, so that
    hosts of one model, whose MemTotal differs by a few pages from boot to boot, offer the same.
    """
    reserve = max(RESERVE_MIB, ram_mib // RESERVE_SHARE)
    return max(0, ram_mib - reserve) // STEP_MIB * STEP_MIB
