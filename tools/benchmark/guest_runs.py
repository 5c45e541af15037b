"""Guests that libvirt runs from a definition of ours, without HTCondor: one at a time, variant after variant."""

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
_TIMEOUT = 240  # seconds, until a guest speaks, and from then until it has powered off
_VIRSH = ["virsh", "--quiet", "--connect", "qemu:///system"]
_INTERVAL = 0.01  # seconds
_BLOCK = 512  # bytes: st_blocks' unit

Sample = dict[str, float]


@dataclass(frozen=True)
class Guest:
    """image: the name of its base image, a qcow2 file on the share. says: its first line. memory: MiB.

    kvm: whether KVM runs it, else QEMU emulates its processor.
    """

    image: str
    says: str
    memory: int
    kvm: bool


class Runner:
    """Runs guests on a node."""

    def __init__(self, worker: Node) -> None:
        self._worker = worker
        self._place = worker.root / _PLACE.lstrip("/")
        self._numbers = itertools.count(1)
        worker.run(["mkdir", _PLACE])

    def samples(self, guest: Guest, variants: Mapping[str, Options], rounds: int) -> dict[str, list[Sample]]:
        """Run the guest with each variant once a round, each round with another one first. Returns run()'s, by variant.

        What a guest's neighbours do to it differs from one minute to the next, as does what its predecessor leaves.
        """
        found: dict[str, list[Sample]] = {name: [] for name in variants}
        for number in range(rounds):
            progress(f"{guest.image}, round {number + 1} of {rounds}")
            first = number * len(variants) // rounds
            for name in [*variants][first:] + [*variants][:first]:
                found[name].append(self.run(guest, variants[name]))
        return found

    def run(self, guest: Guest, options: Options) -> Sample:
        """Run the guest until it has powered off. Returns seconds by what they were for, and a size in bytes.

        speaks: from `virsh create` to its first line. processor: what QEMU took of a processor until then. What the
        guest has measured itself, by its name for it. size: what its overlay takes in the end.
        """
        name = f"guest-{next(self._numbers)}"
        overlay, console, definition = (f"{_PLACE}/{name}.{kind}" for kind in ("qcow2", "log", "xml"))
        self.make_overlay(guest.image, overlay)
        text = domain(Machine(name, guest.memory, overlay, console, guest.kvm), options)
        (self._place / f"{name}.xml").write_text(text, encoding="utf-8")
        os.sync()  # what the guest before has written is not to be written at this one's expense
        speaks = Sign(self._place / f"{name}.log", guest.says)
        with Watch() as watch:
            watch.add([speaks])
            began = time.monotonic()
            self._worker.run([*_VIRSH, "create", definition])
            try:
                processor = 0.0
                while speaks not in watch.seen:
                    if time.monotonic() > began + _TIMEOUT:
                        raise TestNodeError(f"not within {_TIMEOUT} s: {name} says {guest.says}")
                    processor = max(processor, self._processor_time(name))
                    time.sleep(_INTERVAL)
                self._worker.wait_until(lambda: name not in self._running(), f"{name} powers off", _TIMEOUT)
            finally:
                if name in self._running():
                    self._worker.run([*_VIRSH, "destroy", name])
        sample = {
            "speaks": watch.seen[speaks] - began,
            "processor": processor,
            "size": float((self._place / f"{name}.qcow2").stat().st_blocks * _BLOCK),
            **measured(speaks.path.read_text(encoding="utf-8", errors="replace")),
        }
        for path in self._place.glob(f"{name}.*"):
            path.unlink()
        return sample

    def make_overlay(self, image: str, path: str) -> None:
        """Make an overlay of an image on the share."""
        backing = ["-F", "qcow2", "-b", f"{SHARE}/{image}"]
        self._worker.run(["qemu-img", "create", "-q", "-f", "qcow2", *backing, path])

    def bench(self, image: str, options: list[str]) -> float:
        """Return the seconds that `qemu-img bench` takes, with these options, for an overlay of an image."""
        overlay = f"{_PLACE}/bench.qcow2"
        self.make_overlay(image, overlay)
        os.sync()
        said = self._worker.run(["qemu-img", "bench", *options, "-f", "qcow2", overlay], timeout=_TIMEOUT).stdout
        (self._place / "bench.qcow2").unlink()
        return float(said.split()[-2])  # Run completed in 0.123 seconds.

    def _running(self) -> list[str]:
        return self._worker.run([*_VIRSH, "list", "--name"]).stdout.split()

    def _processor_time(self, name: str) -> float:
        """Return the seconds that a guest's QEMU took of a processor, all its threads together; 0 if it has ended."""
        try:
            pid = (self._worker.root / f"run/libvirt/qemu/{name}.pid").read_text(encoding="ascii").strip()
            fields = (self._worker.root / f"proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):  # a guest may power off as soon as it has spoken
            return 0.0
        user, system = fields[11:13]  # proc_pid_stat(5): fields 14 and 15, in clock ticks
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def measured(console: str) -> Sample:
    """Return what a Linux guest says that it measured: lines `guest: NAME MICROSECONDS`. Raises TestNodeError."""
    said = linux_guest.said(console)
    if "FAILED" in said:
        raise TestNodeError(f"a guest failed:\n{console}")
    timed = [line.split() for line in said.get("timed", [])]
    return {name: int(microseconds) / 1e6 for name, microseconds in timed}
