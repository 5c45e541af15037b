"""tools/test-node's command line: build, start, exec, stop."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import signal
import sys
from pathlib import Path

from . import node, root, signals, stages
from .recipe import NODES, Release
from .run import TestNodeError

# Where `start` tells `exec` and `stop` about its node: its own process id, and that of the node's leader
_STATE = Path("/run/condor-kvm-stage-test-node")
_READY = """\
The node is up, with the package's repository and an image in /srv/images. It ends with this command: Ctrl-C.
In another terminal:
    tools/test-node exec dnf install condor-kvm-stage
    tools/test-node exec            (a shell)
    tools/test-node stop
"""


def main(arguments: list[str]) -> int:
    """Run a subcommand. Returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        if options.subcommand == "build":
            with root.cached(Release(options.release)) as path:
                print(path)
            return 0
        if options.subcommand == "start":
            return _start(Release(options.release))
        owner, leader = _started()
        if options.subcommand == "stop":
            os.kill(owner, signal.SIGTERM)
            return 0
        command = node.Node(leader).command(options.command or ["bash", "--login"], options.user)
        os.execvp(command[0], command)
    except TestNodeError as error:
        print(f"test-node: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="test-node", description="A worker node on this machine, to test on. Needs root."
    )
    subcommands = parser.add_subparsers(dest="subcommand", required=True, metavar="build | start | exec | stop")
    build = subcommands.add_parser("build", help="build and cache the node's root directory; print its path")
    start = subcommands.add_parser("start", help="boot a fresh node, which runs until Ctrl-C or `stop`")
    for subparser in (build, start):
        suites = [release.value for release in NODES]
        subparser.add_argument(
            "release", nargs="?", default=suites[0], choices=suites, help="the node's Debian (default: %(default)s)"
        )
    execute = subcommands.add_parser("exec", help="run a command on the started node; without one, a shell")
    execute.add_argument("--user", default="root", help="the node's user who runs it (default: root)")
    execute.add_argument("command", nargs=argparse.REMAINDER, help="the command and its arguments")
    subcommands.add_parser("stop", help="end the started node")
    return parser


def _start(release: Release) -> int:
    signals.exit_on_request(0)
    with open(_STATE, "a+", encoding="ascii") as state:
        # The lock tells whether the file is valid: it ends with this process, however that ends.
        try:
            fcntl.flock(state, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TestNodeError("a node is started already; end it: tools/test-node stop") from None
        state.truncate(0)
        with node.running(release) as started:
            stages.make_bare(started)
            state.write(f"{os.getpid()} {started.leader}\n")
            state.flush()
            print(_READY, end="", flush=True)
            signal.pause()
    return 0


def _started() -> tuple[int, int]:
    """Return the process ids of the command that started the node and of the node's leader."""
    with contextlib.suppress(FileNotFoundError), open(_STATE, encoding="ascii") as state:
        try:
            fcntl.flock(state, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            words = state.read().split()
            if words:
                return int(words[0]), int(words[1])
            raise TestNodeError("the node is still starting; try again in some seconds") from None
    raise TestNodeError("no node is started; start one: tools/test-node start")
