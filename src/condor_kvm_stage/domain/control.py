"""Start control guests: like a job's guest, but nothing of them is a job's, so only the node can be at fault.

They run as HTCondor's user, because a job's user could kill what runs as that user; on an empty disk in /run, because
jobs can fill the disk; one for each type of network that the node offers; and they are destroyed before they run.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterable

from .. import processes
from ..failures import NodeError
from ..guest_facts import GuestFacts
from ..host import Host
from ..installed import GUEST_FACTS, GUEST_LOGS
from ..job import Job
from ..leftovers import virsh
from . import domain_xml, qemu_identity
from .disks import DiskFile
from .request import Disk, Request

_TIMEOUT = 90  # seconds for one guest: libvirt first looks at QEMU again if /dev/kvm has changed
_MEMORY = 16  # MiB
_DISK = Disk("control.raw", "vda", "virtio", readonly=False, format="raw", cdrom=False)


def try_all(host: Host, facts: GuestFacts) -> str:
    """Start a control guest for each network. Returns why one does not start, "" if all do."""
    networks: Iterable[str] = facts.networks or [""]
    return next(filter(None, (_try(host, facts, network) for network in networks)), "")


def _try(host: Host, facts: GuestFacts, network: str) -> str:
    try:
        directory = tempfile.mkdtemp(prefix="control-", dir=os.path.dirname(GUEST_FACTS))
    except OSError as error:
        return f"cannot make a directory for a control guest: {error.strerror}"
    try:
        definition = _prepare(directory, facts, network, _user(host))
        # With --autodestroy also if virsh is killed
        actions = f"create --paused --autodestroy {definition}; destroy {os.path.basename(directory)}"
        answer = virsh.run(host, _TIMEOUT, actions)
        return "" if answer.status == 0 else _why(answer.errors) or answer.reason
    except (OSError, NodeError) as error:
        return f"cannot prepare a control guest: {error}"
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.unlink(f"{GUEST_LOGS}/{os.path.basename(directory)}.log")


def _prepare(directory: str, facts: GuestFacts, network: str, user: pwd.struct_passwd) -> str:
    """Make what a guest of a user needs. Returns the path of its definition."""
    os.chmod(directory, 0o711)
    disk, console = f"{directory}/{_DISK.name}", f"{directory}/.console"
    with open(disk, "wb") as file:
        file.truncate(1 << 20)
    os.mkfifo(f"{console}.in", 0o600)
    os.mkfifo(f"{console}.out", 0o600)
    for path in (disk, f"{console}.in", f"{console}.out"):
        os.chown(path, user.pw_uid, user.pw_gid)
    # With this process as its starter: if this is killed, the guest is an orphan
    job = Job(directory, user.pw_uid, user.pw_gid, os.getpid(), processes.start_time(os.getpid()))
    name = os.path.basename(directory)
    request = Request(name, _MEMORY, 1, (_DISK,), network, mac="", vnc=False, uefi=False)
    file_of_disk = DiskFile(_DISK, disk, "raw", relabel=True, backing=(), is_output=False)
    guest = domain_xml.Guest(
        request, (file_of_disk,), console, f"{directory}/.nvram", job, qemu_identity.group(job), facts
    )
    path = f"{directory}/guest.xml"
    with open(path, "wb") as file:
        file.write(domain_xml.definition(guest))
    return path


def _user(host: Host) -> pwd.struct_passwd:
    name = host.job_user()
    if not name:
        raise NodeError("there is no user condor or nobody")
    return pwd.getpwnam(name)


def _why(errors: str) -> str:
    """Return what libvirt said. virsh's own words come first, what follows a failed create comes last."""
    lines = [line.removeprefix("error: ") for line in errors.splitlines() if line.startswith("error: ")]
    causes = [line for line in lines if not line.startswith("Failed to ")]
    return causes[0] if causes else ""
