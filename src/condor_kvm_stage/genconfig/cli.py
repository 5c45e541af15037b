"""The command line of condor-kvm-stage-genconfig: options, output, and exit status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from .. import __version__, messages
from ..errors import KvmStageError
from ..host import Host
from ..installed import APPLY, POLICY, SNIPPET
from ..messages import NOTICE, Message
from ..policy.model import PolicyError
from .probes import programs
from .snippet import file, render, values, wanted

_NAME = "condor-kvm-stage-genconfig"


def main(arguments: list[str] | None = None, host: Host | None = None) -> int:
    """Run the generator, on this host if none is given. Returns the exit status.

    arguments: None for those of the command line, as a wheel's script calls it.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if not _is_told_what_to_do(options):
        # Who types a program's name to see what it does must not change the node
        parser.print_help(sys.stderr)
        return 2
    if options.json and options.check is None:
        parser.error("--json belongs to --check")
    if options.verbose and options.check is None:
        parser.error("--verbose belongs to --check")
    if options.verbose and (options.quiet or options.json):
        parser.error("--verbose goes with neither --quiet nor --json, which shows everything")
    if options.quiet and options.check is None and not options.apply and not options.remove:
        parser.error("--quiet belongs to --apply, --check and --remove")
    if options.root == "":
        parser.error("--root needs a directory, not an empty word")
    if options.root and not (options.write or options.diff or options.stdout):
        parser.error("--root goes with --write, --diff or --stdout: a tree cannot be applied or checked")
    try:
        if options.root:
            return _of_tree(options, Host(Path(options.root)))
        return _on_this_host(options, host or Host())
    except KvmStageError as error:
        words = error.fault if isinstance(error, PolicyError) else str(error)
        again = f"; then run {APPLY}" if options.apply and isinstance(error, PolicyError) else ""
        messages.write(Message(f"{_NAME}: {words}{again}", messages.ERROR), sys.stderr)
        return 1


def _is_told_what_to_do(options: argparse.Namespace) -> bool:
    actions = (options.apply, options.write, options.remove, options.diff, options.stdout, options.check is not None)
    modifiers = (options.root is not None, options.json, options.quiet, options.verbose)
    return any(actions) or any(modifiers)  # a modifier alone is an error of its own


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_NAME,
        description=f"Configure HTCondor on this node for VM universe: write {SNIPPET} from the host's hardware and "
        f"software and the policy in {POLICY}.",
        epilog="exit status: 0 done, or the node can run VM jobs; 1 failed, or it cannot; 2 wrong usage. "
        f"See {_NAME}(8).",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--apply", action="store_true", help="write it, and make the running HTCondor apply it")
    what.add_argument("--write", action="store_true", help="write it, without telling the running HTCondor")
    what.add_argument(
        "--check",
        nargs="?",
        const="",
        metavar="IMAGE-URL",
        help="check whether this node can run VM jobs, or stage this image, and print what to do if not",
    )
    what.add_argument("--remove", action="store_true", help="remove what was written, like removing the package")
    what.add_argument("--diff", action="store_true", help="show what would be written, change nothing")
    what.add_argument("--stdout", action="store_true", help="print the snippet, change nothing")
    parser.add_argument(
        "--root",
        metavar="DIR",
        help="with --write, --diff or --stdout: for the tree in DIR, without probing this host; its policy must set "
        "all values",
    )
    parser.add_argument("--json", action="store_true", help="with --check: print JSON")
    parser.add_argument(
        "--quiet", action="store_true", help="with --apply, --check, --remove: print only what needs attention"
    )
    parser.add_argument(
        "--verbose", action="store_true", help="with --check: print also what does not matter on this node"
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def _of_tree(options: argparse.Namespace, tree: Host) -> int:
    if not tree.root.is_dir():
        raise KvmStageError(f"{tree.root} is not a directory; create the tree first")
    policy = wanted.policy_of(tree)
    missing = values.missing_for_tree(policy)
    if missing:
        raise PolicyError(
            f"the policy of {tree.root} does not set all values that --root needs; set "
            f"{', '.join(missing)}, or leave it to the node's first boot"
        )
    text = render.render(values.decide_for_tree(policy, programs.plugin(tree)))
    if not _only_shown(options, text, tree):
        _say(file.put(text, tree))
    return 0


def _on_this_host(options: argparse.Namespace, host: Host) -> int:
    if options.check is not None:
        from .checks import report, run  # takes as long to import as everything else

        verbosity = report.Verbosity.QUIET if options.quiet else report.Verbosity.NORMAL
        verbosity = report.Verbosity.VERBOSE if options.verbose else verbosity
        return run.run(options.check, host, as_json=options.json, verbosity=verbosity)
    if options.remove:
        from . import runtime_files

        _say(file.remove(host), options.quiet)
        runtime_files.remove(host)
    elif options.stdout or options.diff:
        _only_shown(options, wanted.for_host(host, wanted.policy_of(host)).text, host)
    else:
        from . import configure, progress

        policy = wanted.policy_of(host)
        host.patience = policy.htcondor.patience
        with progress.showing(host, sys.stderr) as shown:
            _say(configure.configure(host, policy, apply=options.apply), options.quiet, shown.clear)
    return 0


def _only_shown(options: argparse.Namespace, text: str, host: Host) -> bool:
    """Print the snippet or the diff, if the options ask for that instead of writing. Returns whether they do."""
    if options.stdout:
        sys.stdout.write(text)
    elif options.diff:
        sys.stdout.write(file.diff(text, host))
    return bool(options.stdout or options.diff)


def _say(lines: Iterator[Message], quiet: bool = False, before: Callable[[], None] = lambda: None) -> None:
    """Print messages as they come; if quiet, only those of level NOTICE and above. before: called before each one."""
    for line in lines:
        if line.level <= NOTICE or not quiet:
            before()
            messages.write(line, sys.stdout)
