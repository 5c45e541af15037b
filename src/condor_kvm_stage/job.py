"""Job context (user, scratch directory, starter) from the starter's environment, which jobs cannot set."""

from __future__ import annotations

import os
from collections.abc import Mapping

from . import processes
from .failures import NodeError
from .record import dataclass

# In the environment of a vm-gahp that the filter has started: the filter's process id
FILTER = "CONDOR_KVM_STAGE_FILTER"

# XEN_MEM_SAVED_FILE of HTCondor (src/condor_vm-gahp). VM_SOFT_SUSPEND is not enough: a guest that has suspended
# itself cannot be paused, and then HTCondor saves it.
SAVED_GUEST = "xen.mem.ckpt"
CONSOLE = "console.log"  # in the scratch directory: what the guest prints
SEED = ".kvm-stage-seed"  # in the scratch directory: data for cloud-init, see domain/seed.py
USER_DATA, META_DATA, NETWORK_CONFIG = "user-data", "meta-data", "network-config"
SEED_FILES = (USER_DATA, META_DATA, NETWORK_CONFIG)  # what a job may bring for it
SSH_KEY = "VMPARAM_SSH_Key"  # the job's attribute with the public key of who may log in to the guest
# In the scratch directory, if the job has a program: what the guest needs for it, and how it has ended. A directory,
# because HTCondor does not transfer a new one back.
PROGRAM_DIR = ".condor-kvm-stage"
PROGRAM_STATUS = f"{PROGRAM_DIR}/status"
# On the console of a guest that cannot mount the job's files, and so cannot run its program
UNMOUNTED = "condor-kvm-stage: cannot mount the job's files"
# The job's attribute by which its guest gets the scratch directory (domain/job_files.py)
FILES_WANTED = "VMPARAM_Job_Files"
TERMINAL = ".terminal"  # in the private directory: a socket for the job's user
# There, too, of QEMU's: the FIFOs of the terminal, with .in and .out, and the socket of the job's files. Where AppArmor
# is on, libvirt allows QEMU the path of a console's FIFOs as it is in the definition, without .in and .out, and not the
# path of a file system's socket. In a rule of AppArmor's, * stands for anything but a slash: this one is for all three.
TERMINAL_PIPE = ".vm*"
FILES_SOCKET = ".vm-fs"
# There, too: the FIFOs of the console, with .in and .out. Who keeps the console has a lock (flock) on the second one,
# from the guest's first byte until the last lines are told.
CONSOLE_PIPE = ".console"


@dataclass(frozen=True)
class Job:
    """The job for which a program runs."""

    scratch: str  # absolute path of the scratch directory
    uid: int  # of the job's user
    gid: int  # of the job's user
    starter: int = 0  # process id of the job's starter, 0 in the hook, which does not need it
    started: int = 0  # when the starter started, in clock ticks since boot (proc_pid_stat(5)), 0 in the hook


def id_of_guest(name: str) -> str:
    """Return the id of the job, cluster and process, from its guest's name: HTCondor's create_name_for_VM()."""
    return name.rpartition("_")[2]


def of_starter(environ: Mapping[str, str], starter: int) -> Job:
    """Return the job from the environment of a vm-gahp (VMGahpServer::startUp() of HTCondor). Raises NodeError.

    starter: its process id.
    """
    return Job(
        _path(environ, "VMGAHP_WORKING_DIR"),
        _number(environ, "VMGAHP_USER_UID"),
        _number(environ, "VMGAHP_USER_GID"),
        starter,
        processes.start_time(starter),
    )


def of_builder(environ: Mapping[str, str], vm_gahp: int) -> Job:
    """Return the job from the environment of the vm-gahp that runs the builder. Raises NodeError.

    vm_gahp: its process id. It is a child of the starter, or of the filter, which is one.
    """
    parent = processes.parent(vm_gahp)
    if environ.get(FILTER) == str(parent):
        parent = processes.parent(parent)
    return of_starter(environ, parent)


def of_hook(environ: Mapping[str, str]) -> Job:
    """Return the job from the environment of a starter hook, which runs as the job's user. Raises NodeError."""
    return Job(_path(environ, "_CONDOR_SCRATCH_DIR"), os.getuid(), os.getgid())


def _path(environ: Mapping[str, str], name: str) -> str:
    path = environ.get(name, "")
    if not path.startswith("/") or not path.isprintable() or os.path.normpath(path) != path:
        raise NodeError(f"{name} in the environment is not an absolute path; only HTCondor runs this program")
    return path


def _number(environ: Mapping[str, str], name: str) -> int:
    text = environ.get(name, "")
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text) < 1 << 32:
        raise NodeError(f"{name} in the environment is not a positive number; only HTCondor runs this program")
    return int(text)
