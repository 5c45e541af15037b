"""tools/verify's command line: a target, HTCondor's channel; the exit status says whether a step has failed."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from condor_kvm_stage.genconfig.probes import kvm
from condor_kvm_stage.host import Host
from testnode import builds, signals
from testnode.run import TestNodeError

from . import box
from .record import FAILED, PASSED, SKIPPED, Record
from .site import Site
from .steps import STEPS, carry_out
from .targets import TARGETS, Target

_REPOSITORY = Path(__file__).parents[2]
_EXCEPTIONS = _REPOSITORY / "condor-kvm-stage.rpmlintrc"
_PROGRAMS = ("podman", "nsenter", "nasm", "qemu-img")
_WORDS = {PASSED: "passed", FAILED: "failed", SKIPPED: "skipped"}


def main(arguments: list[str]) -> int:
    """Verify a target. Returns the exit status."""
    options = _parser().parse_args(arguments)
    signals.exit_on_request(1)
    try:
        target = next(each for each in TARGETS if each.name == options.target)
        channel = _channel(target, options.htcondor)
        _expect_what_it_needs()
        record = verify(target, channel, builds.DIST / f"verify-{target.name}.xml")
    except TestNodeError as error:
        print(f"verify: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 1 if record.count(FAILED) else 0


def verify(target: Target, channel: str, path: Path) -> Record:
    """Take all steps on a target, print how each ends, write the record. Raises TestNodeError if none can be taken."""
    record = Record(target.name)
    packages = (builds.built(), builds.submit_package())
    with tempfile.TemporaryDirectory(prefix="verify-") as scratch:
        for file in (*packages, _EXCEPTIONS):
            shutil.copy(file, scratch)
        with box.running(target, Path(scratch)) as node:
            paths = tuple(str(box.PLACE / package.name) for package in packages)
            site = Site(node, target, channel, paths, str(box.PLACE / _EXCEPTIONS.name))
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


def _expect_what_it_needs() -> None:
    if os.geteuid() != 0:
        raise TestNodeError("needs root, for a container with /dev/kvm; run this as root")
    missing = [program for program in _PROGRAMS if not shutil.which(program)]
    if missing:
        raise TestNodeError(f"not installed: {', '.join(missing)}; install them with this machine's package manager")
    device = kvm.probe(Host())
    if not device.usable:
        raise TestNodeError(f"no guest can be run, and so nothing verified: {device.reason}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="verify", description="The packages in dist/ on a system that they are meant for. Needs root and podman."
    )
    parser.add_argument("target", choices=[target.name for target in TARGETS], help="the system")
    parser.add_argument("--htcondor", default="", metavar="CHANNEL", help="HTCondor's release series, as 25.0 or 25.x")
    return parser
