"""The builder and the hook, run in the tests' own process, on a node whose files are here, and what they print."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from condor_kvm_stage import installed
from condor_kvm_stage.domain import cli, hook, qemu_identity
from condor_kvm_stage.job import Job
from support.domain import console_keeper
from support.domain.console_keeper import Keeper
from support.domain.guests import GROUP

WORDS = "image is not in qcow2 format"  # for which HTCondor holds a job


@dataclass
class Printed:
    """status: the exit status. text: what was printed."""

    status: int
    text: str

    def domain(self) -> ElementTree.Element:
        assert self.status == 0
        return ElementTree.fromstring(self.text)

    def refusal(self) -> str:
        """The reason for it. Fails if it is none."""
        domain = self.domain()
        assert [child.tag for child in domain] == ["name"]
        kind = domain.attrib["type"]
        assert kind.startswith("condor-kvm-stage: ")
        assert WORDS in kind
        return kind[len("condor-kvm-stage: ") :]


@dataclass
class Programs:
    """The builder and the hook on a node, for a job whose vm-gahp has the process id gahp."""

    patch: pytest.MonkeyPatch
    where: Job
    gahp: int

    def build(self, ad: bytes | None) -> Printed:
        """ad: None for an input that is closed."""
        return self._run(ad, lambda: cli.build(self.gahp))

    def hook(self, ad: bytes) -> str:
        """Return what it says to HTCondor."""
        printed = self._run(ad, hook.main)
        assert printed.status == 0
        return printed.text

    def _run(self, ad: bytes | None, program: Callable[[], int]) -> Printed:
        printed = io.BytesIO()
        output = io.TextIOWrapper(printed, encoding="utf-8", write_through=True)
        with self.patch.context() as patch:
            patch.setattr("sys.stdin", None if ad is None else io.TextIOWrapper(io.BytesIO(ad)))
            patch.setattr("sys.stdout", output)
            status = program()
        return Printed(status, printed.getvalue().decode())

    def keeper(self) -> Keeper:
        """The process that keeps the console of the guest that was built."""
        (pid,) = of_consoles()
        scratch = Path(self.where.scratch)
        return Keeper(pid, scratch.with_name("scratch.condor-kvm-stage") / ".console.out", scratch / "console.log")


def on_node(directory: Path, where: Job, patch: pytest.MonkeyPatch) -> Programs:
    """Set up the environment as the vm-gahp and the starter do; nothing of this host's is known."""
    patch.setattr(installed, "GUEST_FACTS", str(directory / "guest"))
    for name in ("domains", "channels"):
        # closed to the user who runs the tests, unless the builder closes them, which only root can show
        (directory / name).mkdir(mode=0o751 if os.geteuid() == 0 else 0o400)
    patch.setattr(qemu_identity, "DOMAINS", str(directory / "domains"))
    patch.setattr(qemu_identity, "_group_of_libvirt", lambda: GROUP)
    patch.setattr(qemu_identity, "_CHANNELS", (str(directory / "channels"), str(directory / "none")))
    patch.setenv("VMGAHP_WORKING_DIR", where.scratch)
    patch.setenv("VMGAHP_USER_UID", str(where.uid))
    patch.setenv("VMGAHP_USER_GID", str(where.gid))
    patch.setenv("_CONDOR_SCRATCH_DIR", where.scratch)
    patch.delenv("_CONDOR_CHIRP_CONFIG", raising=False)
    (gahp,) = console_keeper.children(where.starter)
    return Programs(patch, where, gahp)


def of_consoles() -> list[int]:
    """The processes that keep consoles: children of this one, in a session of their own."""
    return [pid for pid in console_keeper.children() if console_keeper.runs_in_a_session_of_its_own(pid)]


def end_consoles() -> None:
    """End the processes that keep consoles."""
    for pid in of_consoles():
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
