"""Start guests that are nobody's job: defined as a job's would be, paused, and destroyed before they run.

What they need is made as for a job: a scratch directory, and the private directory next to it.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator, Sequence

from .. import processes
from ..answer import Answer
from ..failures import NodeError
from ..guest_facts import GuestFacts
from ..host import Host
from ..installed import GUEST_LOGS
from ..job import CONSOLE_PIPE, TERMINAL_PIPE, Job
from ..leftovers import virsh
from ..text import quoted
from . import domain_xml, private_dir, qemu_identity, socket_label
from .disks import DiskFile
from .private_dir import PrivateDir
from .request import Disk, Request

_TIMEOUT = 90  # seconds for one guest: libvirt first looks at QEMU again if /dev/kvm has changed
_MEMORY = 16  # MiB
_OF_VIRSH = ("Failed to create domain", "failed to connect to the hypervisor")  # what virsh says before the cause
_DISK = Disk("trial.raw", "vda", "virtio", readonly=False, format="raw", cdrom=False)


@contextlib.contextmanager
def place(parent: str, prefix: str, user: pwd.struct_passwd) -> Iterator[Job]:
    """Make a directory for guests of a user, until the context ends. Returns what stands for their job.

    Raises OSError.
    """
    directory = tempfile.mkdtemp(prefix=prefix, dir=parent)
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchmod(descriptor, 0o711)
            os.mkdir("scratch", 0o700, dir_fd=descriptor)
            os.chown("scratch", user.pw_uid, user.pw_gid, dir_fd=descriptor, follow_symlinks=False)
        finally:
            os.close(descriptor)
        # With this process as its starter: if this is killed, the guest is an orphan
        yield Job(f"{directory}/scratch", user.pw_uid, user.pw_gid, os.getpid(), processes.start_time(os.getpid()))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.unlink(f"{GUEST_LOGS}/{os.path.basename(directory)}.log")


def user_of(host: Host) -> pwd.struct_passwd:
    """Return the user as whom guests are tried. Raises NodeError."""
    name = host.job_user()
    if not name:
        raise NodeError("there is no user condor or nobody")
    return pwd.getpwnam(name)


def make_disk(job: Job) -> Disk:
    """Make an empty disk in the scratch directory. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(f"{job.scratch}/{_DISK.name}", flags, 0o600)
    try:
        os.fchown(descriptor, job.uid, job.gid)
        os.truncate(descriptor, 1 << 20)
    finally:
        os.close(descriptor)
    return _DISK


def enter(job: Job, disk: Disk) -> tuple[PrivateDir, DiskFile]:
    """Make the private directory, and move the disk there. Raises OSError and StageError."""
    directory = private_dir.make(job)
    path = directory.move_in(disk.name)
    for name in (CONSOLE_PIPE, TERMINAL_PIPE):
        directory.make_fifo(f"{name}.in")
        directory.make_fifo(f"{name}.out")
    return directory, DiskFile(disk, path, disk.format, relabel=True, backing=(), is_output=False)


def start(
    host: Host,
    facts: GuestFacts,
    network: str,
    job: Job,
    directory: PrivateDir,
    files: Sequence[DiskFile],
    served: str = "",
) -> Answer:
    """Start a guest with a network ("" for none), and destroy it. Returns virsh's answer. Raises OSError, NodeError.

    served: path of the socket of the job's files, "" for a guest without.
    """
    parent = os.path.dirname(job.scratch)
    name = os.path.basename(parent)
    disks = tuple(file.disk for file in files)
    request = Request(name, _MEMORY, 1, disks, network, mac="", vnc=False, uefi=False)
    guest = domain_xml.Guest(
        request,
        tuple(files),
        f"{directory.path}/{CONSOLE_PIPE}",
        f"{directory.path}/{TERMINAL_PIPE}",
        f"{directory.path}/.nvram",
        job,
        qemu_identity.group(job),
        facts,
        served,
    )
    path = f"{parent}/guest-{'files' if served else network}.xml"
    # From a daemon of HTCondor's SELinux runs virsh in virsh_t, which may read images, but none of HTCondor's own files
    with socket_label.for_guests(facts.selinux), open(path, "xb") as file:
        file.write(domain_xml.definition(guest))
    # With --autodestroy also if virsh is killed
    return virsh.run(host, _TIMEOUT, f"create --paused --autodestroy {quoted(path)}; destroy {name}")


def fault(answer: Answer) -> str:
    """Return why a guest did not start, "" if it did: libvirt's words, which come after virsh's own.

    They are not the last ones: what follows a failed create comes last.
    """
    if answer.status == 0:
        return ""
    lines = [line.removeprefix("error: ") for line in answer.errors.splitlines() if line.startswith("error: ")]
    causes = [line for line in lines if not line.startswith(_OF_VIRSH)]
    return causes[0] if causes else answer.reason
