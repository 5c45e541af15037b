"""Guests that libvirt runs from our domain XML, without HTCondor: one at a time, alternating between variants."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

from testnode import linux_guest
from testnode.node import Node
from testnode.run import TestNodeError, progress

from .domain_xml import Machine, Options, domain
from .job_signs import Sign, Watch
from .scene import SCRATCH, SHARE

_PLACE = f"{SCRATCH}/guests"
_TIMEOUT = 240  # seconds, until a guest's first output, and from then until its last
LEAVES = 20  # seconds, from then until QEMU has ended
_VIRSH = ["virsh", "--quiet", "--connect", "qemu:///system"]
_INTERVAL = 0.01  # seconds
_BLOCK = 512  # bytes: st_blocks' unit

Sample = dict[str, float]


@dataclass(frozen=True)
class Guest:
    """The guest that is run with each variant."""

    image: str  # the name of its base image, a qcow2 file on the share
    says: str  # its first line
    ends: str  # its last one, right before it powers off
    memory: int  # MiB
    kvm: bool  # whether KVM runs it; if not, QEMU emulates its processor


class Runner:
    """Runs guests on a node."""

    def __init__(self, worker: Node) -> None:
        self._worker = worker
        self._place = worker.root / _PLACE.lstrip("/")
        self._numbers = itertools.count(1)
        worker.run(["mkdir", _PLACE])

    def samples(self, guest: Guest, variants: Mapping[str, Options], rounds: int) -> dict[str, list[Sample]]:
        """Run the guest with each variant once per round, rotating the order. Returns run()'s results by variant.

        Alternating averages out other load on the machine and the effects of the previous guest.
        """
        found: dict[str, list[Sample]] = {name: [] for name in variants}
        for number in range(rounds):
            progress(f"{guest.image}, round {number + 1} of {rounds}")
            first = number * len(variants) // rounds
            for name in [*variants][first:] + [*variants][:first]:
                found[name].append(self.run(guest, variants[name]))
        return found

    def run(self, guest: Guest, options: Options) -> Sample:
        """Run the guest until it has powered off. Returns seconds by phase, and a size in bytes.

        speaks: from `virsh create` to its first line. processor: CPU time of QEMU until then. The guest's own
        measurements have the names that it gives them. leaves: from its last line until QEMU has ended, LEAVES if it
        does not end. size: of its overlay in the end.
        """
        name = f"guest-{next(self._numbers)}"
        overlay, console, definition = (f"{_PLACE}/{name}.{kind}" for kind in ("qcow2", "log", "xml"))
        self.make_overlay(guest.image, overlay, options.overlay)
        text = domain(Machine(name, guest.memory, overlay, console, guest.kvm), options)
        (self._place / f"{name}.xml").write_text(text, encoding="utf-8")
        os.sync()  # so that the writes of the previous guest do not slow this one
        log = self._place / f"{name}.log"
        speaks, ends = Sign(log, guest.says), Sign(log, guest.ends)
        with Watch() as watch:
            watch.add([speaks, ends])
            began = time.monotonic()
            self._worker.run([*_VIRSH, "create", definition])
            try:
                processor = 0.0
                while speaks not in watch.seen:
                    if time.monotonic() > began + _TIMEOUT:
                        raise TestNodeError(f"timed out after {_TIMEOUT} s: {name} says {guest.says}")
                    processor = max(processor, self._processor_time(name))
                    time.sleep(_INTERVAL)
                for _ in watch.each([ends], _TIMEOUT):
                    pass
                leaves = self._leaves(name, watch.seen[ends])
            finally:
                if name in self._running():
                    self._worker.run([*_VIRSH, "destroy", name])
        sample = {
            "speaks": watch.seen[speaks] - began,
            "processor": processor,
            "leaves": leaves,
            "size": float((self._place / f"{name}.qcow2").stat().st_blocks * _BLOCK),
            **measured(speaks.path.read_text(encoding="utf-8", errors="replace")),
        }
        for path in self._place.glob(f"{name}.*"):
            path.unlink()
        return sample

    def make_overlay(self, image: str, path: str, options: str = "") -> None:
        """Make an overlay of an image on the share. options: as for `qemu-img create -o`."""
        backing = ["-F", "qcow2", "-b", f"{SHARE}/{image}"]
        more = ["-o", options] if options else []
        self._worker.run(["qemu-img", "create", "-q", "-f", "qcow2", *more, *backing, path])

    def bench(self, image: str, options: list[str]) -> float:
        """Return the seconds that `qemu-img bench` takes, with these options, for an overlay of an image."""
        overlay = f"{_PLACE}/bench.qcow2"
        self.make_overlay(image, overlay)
        os.sync()
        said = self._worker.run(["qemu-img", "bench", *options, "-f", "qcow2", overlay], timeout=_TIMEOUT).stdout
        (self._place / "bench.qcow2").unlink()
        return float(said.split()[-2])  # Run completed in 0.123 seconds.

    def _leaves(self, name: str, since: float) -> float:
        """Return the seconds until a guest is gone."""
        while time.monotonic() < since + LEAVES:
            if name not in self._running():
                return time.monotonic() - since
            time.sleep(_INTERVAL)
        progress(f"{name} HAS NOT POWERED OFF within {LEAVES} s: it is destroyed")
        return LEAVES

    def _running(self) -> list[str]:
        return self._worker.run([*_VIRSH, "list", "--name"]).stdout.split()

    def _processor_time(self, name: str) -> float:
        """Return the CPU time of a guest's QEMU in seconds, all threads together; 0 if it has ended."""
        try:
            pid = (self._worker.root / f"run/libvirt/qemu/{name}.pid").read_text(encoding="ascii").strip()
            fields = (self._worker.root / f"proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):  # a guest may power off right after its first output
            return 0.0
        user, system = fields[11:13]  # proc_pid_stat(5): fields 14 and 15, in clock ticks
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def measured(console: str) -> Sample:
    """Return the measurements that a Linux guest printed: lines `guest: NAME MICROSECONDS`. Raises TestNodeError."""
    said = linux_guest.said(console)
    if "FAILED" in said:
        raise TestNodeError(f"a guest failed:\n{console}")
    timed = [line.split() for line in said.get("timed", [])]
    return {name: int(microseconds) / 1e6 for name, microseconds in timed}
