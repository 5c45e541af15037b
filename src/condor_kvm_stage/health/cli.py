"""The command line of condor-kvm-stage-health, which a timer and HTCondor's startd run."""

from __future__ import annotations

import os
import sys

_USAGE = """\
usage: condor-kvm-stage-health --run | --publish

Watch this node. systemd's condor-kvm-stage-health.timer runs it every minute, and
HTCondor's startd takes what it has found into the slot ads; nobody need run it by
hand. See condor-kvm-stage-health(8).

  --run      look at the node once, put right what can be, and write down the rest
  --publish  print what the last look has found, as HTCondor wants it
"""


def main(arguments: list[str]) -> int:
    """Run the program. Returns the exit status."""
    if arguments == ["--publish"]:
        from . import publish

        sys.stdout.write(publish.text())
        return 0
    if arguments == ["--run"]:
        return _run()
    asked = arguments in (["--help"], ["-h"])
    (sys.stdout if asked else sys.stderr).write(_USAGE)
    return 0 if asked else 2


def _run() -> int:
    from .. import messages
    from ..errors import KvmStageError
    from ..host import Host
    from . import run

    if os.geteuid() != 0:
        print("condor-kvm-stage-health: only root can look at the node; run this as root", file=sys.stderr)
        return 1
    try:
        for message in run.run(Host()):
            messages.write(message, sys.stdout)
    except KvmStageError as error:
        messages.write(messages.Message(f"condor-kvm-stage-health: {error}", messages.ERROR), sys.stderr)
        return 1
    return 0
