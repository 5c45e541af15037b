"""The command line of condor-kvm-stage-shell: find the guest of the job in whose session this runs, and connect."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping

from ..errors import KvmStageError
from ..job import TERMINAL
from ..leftovers.private_dirs import SUFFIX
from ..text import printable
from . import session

_NAME = "condor-kvm-stage-shell"
_USAGE = f"""\
usage: condor_ssh_to_job JOB {_NAME}

Connect to the terminal of a running VM job's guest (hvc0), where most Linux guests have
a shell or ask for a name. Ctrl-] ends the connection; what runs in the guest goes on.
See condor-kvm-stage-submit(7), WATCHING A JOB.
"""
_VARIABLE = "_CONDOR_SCRATCH_DIR"  # in the environment of condor_ssh_to_job's sessions
_WELCOME = f"{_NAME}: connected to the guest's terminal; press Enter for a prompt, Ctrl-] to leave\r\n"


def main(arguments: list[str]) -> int:
    """Run the program. Returns the exit status."""
    if arguments in (["-h"], ["--help"]):
        sys.stdout.write(_USAGE)
        return 0
    if arguments:
        sys.stderr.write(_USAGE)
        return 2
    try:
        with _connect(os.environ) as connection:
            if sys.stdin.isatty():
                sys.stderr.write(_WELCOME)
                sys.stderr.flush()
            if session.run(connection, sys.stdin.fileno(), sys.stdout.fileno()):
                return 0
            raise KvmStageError("the guest has ended, or somebody else has connected to it")
    except KvmStageError as error:
        print(f"\r{_NAME}: {printable(str(error))}", file=sys.stderr)
        return 1


def _connect(environ: Mapping[str, str]) -> socket.socket:
    scratch = environ.get(_VARIABLE, "")
    if not scratch.startswith("/"):
        raise KvmStageError(f"{_VARIABLE} is not set; run this in a job: condor_ssh_to_job JOB {_NAME}")
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.chdir(scratch + SUFFIX)  # the path of a socket has at most 107 bytes
        connection.connect(TERMINAL)
    except OSError as error:
        connection.close()
        raise KvmStageError(
            f"there is no guest's terminal here ({error.strerror}): either the guest has not started yet, so try again "
            "in a minute, or it has ended, or this is not a VM job"
        ) from error
    return connection
