"""What a guest gets besides its disks, if its job has it: a seed for cloud-init, with what runs the job's program."""

from __future__ import annotations

import os

from ..failures import AuthorizationError, NodeError, ParameterError
from ..guest_facts import GuestFacts
from ..job import FILES_WANTED, PROGRAM_DIR, SEED, SEED_FILES, SSH_KEY, USER_DATA, Job
from . import program
from .disks import DiskFile
from .job_ad import Ad
from .private_dir import PrivateDir
from .request import Disk, Request

_LETTERS = "zyxwvutsrqponmlkjihgfedcba"


def prepare(data: bytes, ad: Ad, job: Job, wanted: Request, facts: GuestFacts) -> str:
    """Make what the job has, in its scratch directory; for the hook. Returns attributes for the starter's ad of it.

    data: the job's ad, of which ad is what job_ad.py reads. Raises StageError.
    """
    if os.path.lexists(f"{job.scratch}/{PROGRAM_DIR}"):  # it would seem that the job had a program
        raise ParameterError(f"the job brings {PROGRAM_DIR}, which this node makes itself; rename it")
    found = program.find(data, job.scratch, _disks(wanted))
    if found and not facts.virtiofsd:
        raise AuthorizationError(
            "the job's program needs the job's files in the guest, and this node has no virtiofsd for that; write "
            f"MY.{FILES_WANTED} = True, and the job runs where there is one, or do not bring the executable"
        )
    if not (found or ad.has(SSH_KEY) or any(os.path.lexists(f"{job.scratch}/{name}") for name in SEED_FILES)):
        return ""
    from . import launcher, seed  # most jobs do without

    own = seed.of_job(ad, job.scratch)
    has_user_data = USER_DATA in own.brought
    vendor_data = launcher.vendor_data(has_user_data, bool(wanted.network)) if found else b""
    number = f"{ad.number('ClusterId') or 0}.{ad.number('ProcId') or 0}"
    seed.make(seed.files(own, number, vendor_data), job.scratch)
    if not found:
        return ""
    program.write(found, job.scratch)
    return f'Out = "{found.stdout}"\nErr = "{found.stderr}"\n'  # condor_tail shows them


def has_program(directory: PrivateDir) -> bool:
    """Return whether the hook has found a program, which needs the job's files in the guest; for the builder."""
    return directory.has(PROGRAM_DIR)


def attach(directory: PrivateDir, ad: bytes, job: Job, wanted: Request) -> tuple[DiskFile, ...]:
    """Return the seed as a further disk, none if the job has none. ad: the whole one. Raises StageError.

    On virtio, as the last disk: so a guest's other disks have the names that they have without it, and every image for
    virtual machines has the driver. An image whose root is on SCSI finds it early only there.
    """
    if not directory.has(SEED):
        if any(map(directory.has, SEED_FILES)) or program.find(ad, job.scratch, _disks(wanted)):
            raise NodeError(
                "there is no disk with the data for cloud-init: the hook condor-kvm-stage-prepare, which makes it, has "
                "not run, or another job of the user has removed it; the administrator must let HTCondor run the hook "
                "(KVMSTAGE_HOOK_PREPARE_JOB), and the job must not set HookKeyword"
            )
        return ()
    bus, prefix = ("scsi", "sd") if wanted.disks[0].bus == "scsi" else ("virtio", "vd")
    taken = {disk.device for disk in wanted.disks}
    device = next(name for letter in _LETTERS if (name := f"{prefix}z{letter}") not in taken)
    disk = Disk(SEED, device, bus, readonly=True, format="raw", cdrom=False)
    return (DiskFile(disk, directory.take_in(SEED), "raw", relabel=True, backing=(), is_output=False),)


def _disks(wanted: Request) -> set[str]:
    return {disk.name for disk in wanted.disks}
