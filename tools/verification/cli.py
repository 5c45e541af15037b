"""tools/verify's command line: a target, HTCondor's channel; the exit status says whether a step has failed."""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path

from condor_kvm_stage.genconfig.probes import kvm
from condor_kvm_stage.host import Host
from testnode import builds, signals
from testnode.run import TestNodeError

from . import box, here
from .record import FAILED, PASSED, SKIPPED, Record
from .site import Site
from .step import carry_out
from .steps import STEPS
from .targets import TARGETS, Target

_REPOSITORY = Path(__file__).parents[2]
_EXCEPTIONS = _REPOSITORY / "condor-kvm-stage.rpmlintrc"
_PROGRAMS = ("nasm", "qemu-img")
_FOR_BOX = ("podman", "nsenter")
_WORDS = {PASSED: "passed", FAILED: "failed", SKIPPED: "skipped"}


def main(arguments: list[str]) -> int:
    """Verify a target. Returns the exit status."""
    options = _parser().parse_args(arguments)
    signals.exit_on_request(1)
    try:
        target = next(each for each in TARGETS if each.name == options.target)
        channel = _channel(target, options.htcondor)
        _expect_what_it_needs(options.here)
        if options.here:
            here.expect_system(target)
        take = verify_here if options.here else verify
        record = take(target, channel, builds.DIST / f"verify-{target.name}.xml")
    except TestNodeError as error:
        print(f"verify: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 1 if record.count(FAILED) else 0


def verify(target: Target, channel: str, path: Path) -> Record:
    """Take all steps in a container, print how each ends, write the record. Raises TestNodeError if none is taken."""
    with tempfile.TemporaryDirectory(prefix="verify-") as scratch:
        files = _files()
        for file in files:
            shutil.copy(file, scratch)
        with box.running(target, Path(scratch)) as node:
            *packages, exceptions = (str(box.PLACE / file.name) for file in files)
            return _take(Site(node, target, channel, tuple(packages), exceptions, "in a container"), path)


def verify_here(target: Target, channel: str, path: Path) -> Record:
    """Take all steps on this machine itself, like verify()."""
    *packages, exceptions = map(str, _files())
    node = here.Here(socket.gethostname())
    return _take(Site(node, target, channel, tuple(packages), exceptions, "on a machine"), path)


def _files() -> list[Path]:
    """Return the packages, and last rpmlint's exceptions."""
    return [builds.built(), builds.submit_package(), _EXCEPTIONS]


def _take(site: Site, path: Path) -> Record:
    record = Record(site.target.name)
    carry_out(STEPS, site, record)
    record.versions = site.versions
    record.write(path)
    counts = ", ".join(f"{record.count(end)} {word}" for end, word in _WORDS.items())
    print(f"==> {counts}; {path} is the record, for `make tested`")
    return record


def _channel(target: Target, wanted: str) -> str:
    """Return the channel of HTCondor's repository for a target. Raises TestNodeError for one that it does not have."""
    if wanted and wanted not in target.channels:
        there = f"it has {', '.join(target.channels)}" if target.channels else "it has nothing for this system"
        raise TestNodeError(f"HTCondor's repository has no channel {wanted} for {target.name}: {there}")
    return wanted or next(iter(target.channels), "")


def _expect_what_it_needs(here: bool) -> None:
    if os.geteuid() != 0:
        raise TestNodeError("needs root, for packages and /dev/kvm; run this as root")
    missing = [program for program in (*_PROGRAMS, *([] if here else _FOR_BOX)) if not shutil.which(program)]
    if missing:
        raise TestNodeError(f"not installed: {', '.join(missing)}; install them with this machine's package manager")
    device = kvm.probe(Host())
    if not device.usable:
        raise TestNodeError(f"no guest can be run, and so nothing verified: {device.reason}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="verify", description="The packages in dist/ on a system that they are meant for. Needs root."
    )
    parser.add_argument("target", choices=[target.name for target in TARGETS], help="the system")
    parser.add_argument(
        "--here", action="store_true", help="on this machine instead of in a container: to be thrown away"
    )
    parser.add_argument("--htcondor", default="", metavar="CHANNEL", help="HTCondor's release series, as 25.0 or 25.x")
    return parser
