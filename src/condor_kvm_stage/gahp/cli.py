"""The filter's entry point: HTCondor runs it as VM_GAHP_SERVER, with the arguments of its own condor_vm-gahp.

It fails open: what it cannot do, or need not, HTCondor's own program does, as if this were not there.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn

PROGRAMS = ("/usr/sbin/condor_vm-gahp", "/usr/bin/condor_vm-gahp")  # HTCondor's SBIN on all distributions
# HTCondor's run modes (src/condor_vm-gahp/vmgahp_main.cpp), the value of -M
_JOB, _KILL = "3", "4"


def main(arguments: list[str]) -> int:
    """Run the vm-gahp. Returns the exit status, which becomes the job's."""
    if arguments[:1] == ["--recover"]:  # see recovery.py
        from ..host import Host
        from . import recovery

        recovery.run(Host(), arguments[1:])
        return 0
    mode = arguments[arguments.index("-M") + 1] if "-M" in arguments[:-1] else ""
    try:
        if mode == _JOB:
            from . import job_mode

            return job_mode.run(_program(), arguments)
        if mode == _KILL:
            from . import kill_mode

            if not kill_mode.may_kill(arguments):
                return 0
    except Exception as error:
        print(f"condor-kvm-stage-gahp: runs without its own part: {error!r}", file=sys.stderr)
    return _replace(arguments)


def _program() -> str:
    return next((path for path in PROGRAMS if os.access(path, os.X_OK)), PROGRAMS[0])


def _replace(arguments: list[str]) -> NoReturn:
    """Become HTCondor's program."""
    program = _program()
    try:
        os.execv(program, [program, *arguments])
    except OSError as error:
        print(f"condor-kvm-stage-gahp: cannot run {program}: {error.strerror}", file=sys.stderr)
        os._exit(1)
