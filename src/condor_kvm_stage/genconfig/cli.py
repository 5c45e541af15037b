"""condor-kvm-stage-genconfig's command line. The only module here that prints and that chooses exit statuses."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .. import __version__, policy
from ..errors import KvmStageError
from . import checks, facts, image_dirs, snippet

_NEXT_STEP = """\
HTCondor's startd reads the VM_* settings when it starts. To start it again, after its running jobs have finished:
    condor_restart -startd -peaceful
"""
_NO_VM_NEXT_STEP = """\
Images can be staged all the same. What to do about it:
    condor-kvm-stage-genconfig --check
"""


def main(arguments: list[str], root: Path = Path("/")) -> int:
    """Run the generator on the host whose file system is at root. Returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        host = facts.collect(root)
        values = snippet.decide(host)
        text = snippet.render(values)
        if options.stdout:
            sys.stdout.write(text)
        elif options.check:
            return _check(host, text, root)
        else:
            _write(text, values.no_vm, root)
            image_dirs.write(host.image_dirs, root)
            if host.policy:
                raise policy.PolicyError(host.policy)
    except KvmStageError as error:
        print(f"condor-kvm-stage-genconfig: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="condor-kvm-stage-genconfig",
        description=f"Configure HTCondor on this node for VM universe: write /{snippet.PATH} from what the host has.",
        epilog="exit status: 0 done, or the node can run VM jobs; 1 failed, or it cannot; 2 wrong usage",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--check", action="store_true", help="say whether this node can run VM jobs, and what to do if not"
    )
    what.add_argument("--stdout", action="store_true", help="print the configuration snippet, change nothing")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def _write(text: str, no_vm: str, root: Path) -> None:
    if not snippet.write(text, root):
        print(f"{root / snippet.PATH} is up to date")
        return
    print(f"wrote {root / snippet.PATH}")
    print(f"No VM universe on this node: {no_vm}.\n{_NO_VM_NEXT_STEP}" if no_vm else _NEXT_STEP, end="")


def _check(host: facts.HostFacts, wanted: str, root: Path) -> int:
    results = checks.evaluate(host, snippet.installed(root), wanted)
    for check in results:
        step = f" -> {check.next_step}" if check.next_step else ""
        print(f"{check.level.value:4}  {check.subject:9} {check.found}{step}")
    failed = [check.subject for check in results if check.level is checks.Level.FAIL]
    print(f"This node cannot run VM jobs: {', '.join(failed)}" if failed else "This node can run VM jobs.")
    return 1 if failed else 0
