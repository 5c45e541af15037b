"""The command line of condor-kvm-stage-status: options, output, exit status."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TextIO

from .. import __version__, atomic_file
from ..errors import KvmStageError
from ..host import Host
from ..text import printable
from . import collect, document, metrics, table
from .libvirt import NotKnown

_NAME = "condor-kvm-stage-status"
_SUFFIX = ".prom"
FAILED, NOT_KNOWN = 1, 3  # exit statuses; argparse's is 2


def main(arguments: list[str], host: Host | None = None) -> int:
    """Run the program. Returns the exit status."""
    options = _parser().parse_args(arguments)
    host = host or Host()
    try:
        if not host.is_root():
            raise KvmStageError("run this as root: others may not ask libvirt about jobs' virtual machines")
        return _run(options, host)
    except KvmStageError as error:
        print(f"{_NAME}: {printable(str(error))}", file=sys.stderr)
        return NOT_KNOWN if isinstance(error, NotKnown) else FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_NAME,
        description="Show the virtual machines of HTCondor's jobs on this node.",
        epilog="exit status: 0 done; 1 failed; 2 wrong usage; 3 not known, because libvirt does not answer. "
        f"See {_NAME}(8).",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument(
        "--metrics",
        nargs="?",
        const="",
        metavar="FILE",
        help="print metrics in Prometheus' text format, or write them into FILE, at once, for node_exporter",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def _run(options: argparse.Namespace, host: Host) -> int:
    if options.metrics is not None:
        return _metrics(options.metrics, host)
    vms = collect.collect(host, _NAME, details=True)
    if options.json:
        print(json.dumps(document.document(vms), indent=2))
    else:
        for line in table.lines(vms, _width(sys.stdout)):
            print(line)
    return 0


def _metrics(path: str, host: Host) -> int:
    try:
        vms = collect.collect(host, _NAME, details=False)
    except NotKnown:
        _put(path, metrics.text(None))  # so that the node can be seen to be sick
        raise
    _put(path, metrics.text(vms))
    return 0


def _put(path: str, text: str) -> None:
    """Print, or write a file; its time changes in any case: that tells node_exporter's users how old it is."""
    if not path:
        sys.stdout.write(text)
        return
    directory = os.path.dirname(os.path.abspath(path))
    if not path.endswith(_SUFFIX):
        raise KvmStageError(f"{path} does not end in {_SUFFIX}, and node_exporter reads no other file; rename it")
    if not os.path.isdir(directory):
        raise KvmStageError(
            f"there is no directory {directory}; name a file in the one that node_exporter's option "
            "--collector.textfile.directory names"
        )
    if not atomic_file.write(Path(path), text.encode()):
        os.utime(path)


def _width(stream: TextIO) -> int | None:
    """Return the columns of a terminal, None for no limit: in a file or a pipe nothing is cut."""
    return max(table.LEAST_WIDTH, shutil.get_terminal_size().columns) if stream.isatty() else None
