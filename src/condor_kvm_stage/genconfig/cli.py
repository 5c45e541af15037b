"""condor-kvm-stage-genconfig's command line. It and check choose what is printed, and exit statuses, nobody else."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__, messages
from ..errors import KvmStageError
from ..host import Host
from ..messages import NOTICE, Said
from ..policy.model import Policy, PolicyError, load
from .probes import collect, devices, htcondor
from .snippet import file, render

if TYPE_CHECKING:
    from .probes.guest_support import Guests

_NAME = "condor-kvm-stage-genconfig"
# Seconds. When libvirt's daemon runs for the first time it asks QEMU what it can do, for two of them and more
_LIBVIRT_PATIENCE = 20


def main(arguments: list[str], host: Host | None = None) -> int:
    """Run the generator, on this host if none is given. Returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.json and options.check is None:
        parser.error("--json belongs to --check")
    if options.quiet and options.check is None and not options.apply and not options.remove:
        parser.error("--quiet belongs to --apply, --check and --remove")
    if options.root == "":
        parser.error("--root needs a directory, not an empty word")
    if options.root and (options.check is not None or options.apply or options.remove):
        parser.error("--root renders for a tree that does not run: --apply, --check and --remove are for this host")
    try:
        if options.root:
            return _unseen(options, Host(Path(options.root)))
        return _seen(options, host or Host())
    except KvmStageError as error:
        again = f"; then run {_NAME} --apply" if options.apply and isinstance(error, PolicyError) else ""
        messages.write(Said(f"{_NAME}: {error}{again}", messages.ERROR), sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_NAME,
        description=f"Configure HTCondor on this node for VM universe: write {render.PATH} from what the host has and "
        "what the policy in /etc/condor-kvm-stage/config.toml says.",
        epilog="exit status: 0 done, or the node can run VM jobs; 1 failed, or it cannot; 2 wrong usage. "
        f"See {_NAME}(8).",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--apply", action="store_true", help="write it, and make the running HTCondor take it up")
    what.add_argument(
        "--check",
        nargs="?",
        const="",
        metavar="IMAGE-URL",
        help="say whether this node can run VM jobs, or stage this very image, and what to do if not",
    )
    what.add_argument("--remove", action="store_true", help="remove what was written, as the package's removal does")
    what.add_argument("--diff", action="store_true", help="show what would be written, change nothing")
    what.add_argument("--stdout", action="store_true", help="print the snippet, change nothing")
    parser.add_argument(
        "--root",
        metavar="DIR",
        help="for the tree in DIR, without looking at this host: its policy has to fix all values",
    )
    parser.add_argument("--json", action="store_true", help="with --check: for programs")
    parser.add_argument(
        "--quiet", action="store_true", help="with --apply, --check, --remove: only what should be looked at"
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def _unseen(options: argparse.Namespace, tree: Host) -> int:
    if not tree.root.is_dir():
        raise KvmStageError(f"{tree.root} is no directory; make the tree first")
    policy = load(str(tree.root).rstrip("/"))
    missing = render.missing_for_unseen(policy)
    if missing:
        raise PolicyError(
            f"the policy of {tree.root} does not say all that is needed without looking at the host: set "
            f"{', '.join(missing)}; or leave it to the node's first boot"
        )
    text = render.render(render.decide_unseen(policy, devices.plugin(tree)))
    if not _only_shown(options, text, tree):
        _say(file.put(text, tree))
    return 0


def _seen(options: argparse.Namespace, host: Host) -> int:
    if options.check is not None:
        from .checks import run  # what it needs takes as long to import as all the rest

        return run.run(options.check, host, as_json=options.json, quiet=options.quiet)
    if options.remove:
        from . import runtime_files

        _say(file.remove(host), options.quiet)
        runtime_files.remove(host)
        return 0
    policy = load(str(host.root).rstrip("/"))
    if options.apply:
        from .startd import apply

        apply.demand_htcondor(host)
        if apply.must_delegate(host):
            _say(apply.delegate(host, policy), options.quiet)
            return 0
    guest = None
    if policy.guest.guarded and not (options.stdout or options.diff):
        from .probes import guest_support  # 10 ms

        guest = guest_support.start(host, _LIBVIRT_PATIENCE)
    found = collect.collect(host, meanwhile=render.prepare)
    values = render.decide(found, policy)
    text = render.render(values)
    if _only_shown(options, text, host):
        return 0
    changed = _say(file.put(text, host), options.quiet)
    if options.apply:
        from ..leftovers import remove

        _say(remove.carry_out(host, found), options.quiet)
    _say(_outcome(host, policy, values, guest, changed=changed, take_up=options.apply), options.quiet)
    return 0


def _outcome(
    host: Host,
    policy: Policy,
    values: render.Values,
    guest: Callable[[], Guests] | None,
    *,
    changed: int,
    take_up: bool,
) -> Iterator[Said]:
    """Say what the snippet and the policy mean for the node; make HTCondor take it up if that is asked for.

    guest: gives what libvirt and QEMU have answered, None if they were not asked.
    """
    from . import runtime_files
    from .probes import image_dirs  # 5 ms; --stdout and --diff do without
    from .startd import apply

    found = image_dirs.attributes(policy.staging)
    told = guest() if guest else None
    runtime_files.write(found, policy, told.offered(values.network) if told else None, host)
    if told and not values.no_vm:
        yield from _of_guests(told)
    if failed := found.get("NfsPluginImageDirsFailed"):
        yield Said(f"Not there, or without an answer, of the policy's directories for images: {failed}", NOTICE)
    if not changed:
        yield Said(f"{render.PATH} is up to date")
    if values.no_vm:
        yield Said(
            f"No VM universe on this node: {values.no_vm}. Images can be staged all the same; see {_NAME} --check",
            NOTICE,
        )
    if take_up and apply.is_running(host):
        yield from apply.take_up(host, htcondor.probe(host), policy, values)
    elif take_up:
        yield Said("HTCondor does not run; it takes this up when it starts.")
    elif changed:
        yield Said(f"HTCondor has not been told: {_NAME} --apply does that")


def _of_guests(told: Guests) -> Iterator[Said]:
    """Say what virtual machines have to do without."""
    if told.libvirt:
        yield Said(
            f"libvirt does not say what it can do: {told.libvirt}; virtual machines are defined as most hosts can run "
            f"them. When it answers: {_NAME} --apply",
            NOTICE,
        )
    if told.facts.cpu_mode != "host-passthrough":
        yield Said(f"Virtual machines do not get the host's CPU: {told.cpu}; see {_NAME} --check", NOTICE)


def _only_shown(options: argparse.Namespace, text: str, host: Host) -> bool:
    """Print what the options ask to see instead of writing. Returns whether they do."""
    if options.stdout:
        sys.stdout.write(text)
    elif options.diff:
        sys.stdout.write(file.diff(text, host))
    return bool(options.stdout or options.diff)


def _say(lines: Iterator[Said], quiet: bool = False) -> int:
    """Print lines as they come; if quiet, those that matter. Returns how many there were."""
    count = 0
    for line in lines:
        if line.level <= NOTICE or not quiet:
            messages.write(line, sys.stdout)
        count += 1
    return count
