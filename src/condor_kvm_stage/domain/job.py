"""Whose job it is and where its scratch directory lies: what the starter says in the environment, which no job sets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from .. import processes
from ..failures import NodeError


@dataclass(frozen=True)
class Job:
    """scratch: absolute path of the scratch directory. uid, gid: of the job's user.

    starter: the process id of the job's starter, and when that began, in clock ticks since the boot (proc_pid_stat(5)):
    both together name a process for good.
    """

    scratch: str
    uid: int
    gid: int
    starter: int = 0
    started: int = 0


def of_builder(environ: Mapping[str, str], vm_gahp: int) -> Job:
    """Return them as the vm-gahp has them (VMGahpServer::startUp() of HTCondor), a child of the starter.

    vm_gahp: its process id. Raises NodeError.
    """
    starter = processes.parent(vm_gahp)
    return Job(
        _path(environ, "VMGAHP_WORKING_DIR"),
        _number(environ, "VMGAHP_USER_UID"),
        _number(environ, "VMGAHP_USER_GID"),
        starter,
        processes.start_time(starter),
    )


def of_hook(environ: Mapping[str, str]) -> Job:
    """Return them as a hook of the starter has them, which runs as the job's user. Raises NodeError."""
    return Job(_path(environ, "_CONDOR_SCRATCH_DIR"), os.getuid(), os.getgid())


def _path(environ: Mapping[str, str], name: str) -> str:
    path = environ.get(name, "")
    if not path.startswith("/") or not path.isprintable() or os.path.normpath(path) != path:
        raise NodeError(f"{name} in the environment is no absolute path; only HTCondor runs this program")
    return path


def _number(environ: Mapping[str, str], name: str) -> int:
    text = environ.get(name, "")
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text) < 1 << 32:
        raise NodeError(f"{name} in the environment is no positive number; only HTCondor runs this program")
    return int(text)
