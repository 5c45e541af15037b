"""Nodes that exist only here, with what a job has brought there: there the builder runs as it is, but for the facts."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest import mock

from condor_kvm_stage.domain import cli
from condor_kvm_stage.failures import AuthorizationError, SpecificationError
from condor_kvm_stage.guest_facts import GuestFacts
from condor_kvm_stage.job import FILES_SOCKET, TERMINAL_PIPE
from condor_kvm_stage.policy.model import Policy
from support.domain.guests import GROUP, WHERE
from support.domain.job_ads import MACHINE_AD, site

Chain = tuple[tuple[str, str], ...]
BASE = ("/srv/images/base.qcow2", "qcow2")
# A path of a base image may have all that is printable
CHAIN: Chain = (("/srv/images/<b> & 'c' \"d\" ]]>.qcow2", "qcow2"), BASE, ("/srv/images/日本.raw", "raw"))


@dataclass(frozen=True)
class File:
    """A disk as it is found: its format, and what lies below it."""

    format: str
    backing: Chain = ()


@dataclass(frozen=True)
class World:
    """A node, and the files that are in the scratch directory, or by their paths in a directory of the policy's."""

    policy: Policy
    facts: GuestFacts
    scratch: str = WHERE.scratch
    files: dict[str, File] = field(
        default_factory=lambda: {
            "disk.qcow2": File("qcow2", (BASE,)),
            "data.raw": File("raw"),
            "seed.iso": File("raw"),
            "a": File("qcow2", CHAIN),
            "-": File("raw"),
            "x.qcow2": File("qcow2"),
            "/srv/disks/shared.raw": File("raw"),
            "/srv/disks/alice/own.qcow2": File("qcow2", (BASE,)),
        }
    )

    @property
    def shelter(self) -> str:
        return f"{self.scratch}.condor-kvm-stage"

    @property
    def console(self) -> str:
        """Path of the pair of FIFOs, less .in and .out."""
        return f"{self.shelter}/.console"

    @property
    def terminal(self) -> str:
        """Likewise of the terminal's."""
        return f"{self.shelter}/{TERMINAL_PIPE}"

    @property
    def nvram(self) -> str:
        """Path of the file with UEFI's variables."""
        return f"{self.shelter}/.nvram"

    @property
    def socket(self) -> str:
        """Path of the socket by which the guest has its job's files."""
        return f"{self.shelter}/{FILES_SOCKET}"


WORLDS = [
    World(site(), GuestFacts()),
    World(
        site(["/srv/disks"], vnc=True),
        GuestFacts(
            "host-passthrough", True, ["selinux", "dac"], ["nat", "bridge"], "br0", virtiofsd="/usr/libexec/virtiofsd"
        ),
    ),
    World(site(["/srv/none", "/srv/disks"]), GuestFacts("", False, [], ["nat"], "", ["vmx"], uefi=True)),
]


class _Shelter:
    def __init__(self, world: World, whole_ad: bytes) -> None:
        self.path = world.shelter
        self._world = world
        self._ad = whole_ad

    def move_in(self, name: str) -> str:
        assert "/" not in name
        if name not in self._world.files:
            raise SpecificationError(f"there is no disk {name}")
        return f"{self._world.shelter}/{name}"

    def has(self, name: str) -> bool:
        """It has no seed and no program."""
        return False

    def read(self, name: str, most: int) -> bytes:
        return {".job.ad": self._ad, ".machine.ad": MACHINE_AD}[name][:most]


class _Child:
    def __init__(self, world: World) -> None:
        self._world = world

    def call(self, request: tuple[str, str, bool, bool], doing: str) -> tuple[str, bool, list[tuple[str, str]]]:
        """What inspect_one() of domain/disks.py finds."""
        name, path, readonly, _ = request
        if name not in self._world.files:
            raise AuthorizationError(f"disk {path} is not there")
        assert path == (name if name.startswith("/") else f"{self._world.shelter}/{name}")
        file = self._world.files[name]
        return file.format, not (name.startswith("/") and readonly), list(file.backing)


@contextmanager
def building() -> Iterator[Callable[[World, bytes], bytes]]:
    """Give a function that runs the builder on a node, with a job's ad, and returns what it prints."""
    world, data = WORLDS[0], b""
    domain = "condor_kvm_stage.domain"
    patches = {
        "cli.of_builder": lambda environ, vm_gahp: WHERE,
        "cli.load": lambda: world.policy,
        "cli.guest_facts.load": lambda: world.facts,
        "cli.private_dir.make": lambda where: _Shelter(world, data),
        "cli.janitor.start": lambda *_: None,
        "cli.qemu_identity.close_directories": lambda: (),
        "cli.qemu_identity.group": lambda job: GROUP,
        "cli.seen_by_root.check": lambda files: None,
        "disks.Watchdog": lambda prepare, program: contextlib.nullcontext(_Child(world)),
        "console.check_free": lambda scratch: None,
        "job_files.start": lambda shelter, where, group, program, guest: world.socket,
        "console.start": lambda shelter, where, largest, config: world.console,
    }

    def build(node: World, job: bytes) -> bytes:
        nonlocal world, data
        world, data = node, job
        before = sys.stdin, sys.stdout, sys.stderr
        printed = io.BytesIO()
        sys.stdin, sys.stdout = io.TextIOWrapper(io.BytesIO(job)), io.TextIOWrapper(printed)
        sys.stderr = io.StringIO()
        try:
            assert cli.build(1) == 0
            return printed.getvalue()
        finally:
            sys.stdin, sys.stdout, sys.stderr = before

    started = [mock.patch(f"{domain}.{name}", fake) for name, fake in patches.items()]
    for patch in started:
        patch.start()
    try:
        yield build
    finally:
        for patch in started:
            patch.stop()
