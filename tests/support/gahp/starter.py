"""A test as HTCondor's starter: it speaks to the relay, with a real process as the guest's QEMU."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from condor_kvm_stage.leftovers.metadata import NAMESPACE
from support.gahp import relayed

_NAME = "alice_worker_1.0"
_STATUS = """\
<domstatus state='running' reason='booted' pid='{pid}'>
<domain type='kvm'><name>{name}</name><uuid>u-u-i-d</uuid>
<metadata><job xmlns='{namespace}' scratch='/s' starter='{starter}' started='{started}'/></metadata></domain>
</domstatus>"""
PATIENCE = 60  # seconds
STARTED: list[subprocess.Popen[bytes]] = []  # the processes of a test, which a fixture ends


class Guest:
    """A process in place of QEMU, and libvirt's files about it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process = subprocess.Popen(["sleep", "3600"])
        STARTED.append(self._process)
        text = _STATUS.format(
            pid=self._process.pid,
            name=_NAME,
            namespace=NAMESPACE,
            starter=relayed.STARTER,
            started=relayed.STARTED,
        )
        (directory / f"{_NAME}.log").write_text("2026-11-27 01:00:00.000+0000: shutting down, reason=destroyed\n")
        (directory / f"{_NAME}.xml").write_text(text)

    def is_paused(self, reason: str) -> None:
        """Let libvirt note that it is paused, and why."""
        path = self._directory / f"{_NAME}.xml"
        text = path.read_text().replace("state='running' reason='booted'", f"state='paused' reason='{reason}'")
        path.with_suffix(".new").write_text(text)
        path.with_suffix(".new").rename(path)

    def ends(self, reason: str) -> None:
        """End it; libvirt logs a reason."""
        self._process.kill()
        self._process.wait(PATIENCE)
        with open(self._directory / f"{_NAME}.log", "a", encoding="utf-8") as log:
            log.write(f"2026-11-27 08:01:19.092+0000: shutting down, reason={reason}\n")
        (self._directory / f"{_NAME}.xml").unlink()


class Starter:
    """The starter's end of the conversation."""

    def __init__(self, directory: Path, start: str = "ok", at_fault: str = "job", hold: str = "no") -> None:
        self.directory = directory
        self.relay = subprocess.Popen(
            [sys.executable, relayed.__file__, str(directory), start, at_fault, hold],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        )
        STARTED.append(self.relay)
        assert self.relay.stdin
        assert self.relay.stdout
        self._to, self._from = self.relay.stdin, self.relay.stdout
        self.version = self._from.readline()

    def asks(self, line: bytes) -> bytes:
        """Ask something that has an answer of one line."""
        self.says(line)
        answer = self._from.readline()
        while answer == b"R\n":
            answer = self._from.readline()
        return answer

    def says(self, line: bytes) -> None:
        self._to.write(line + b"\r\n")

    def result(self) -> bytes:
        """Ask for results until there is one."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            answer = self.asks(b"RESULTS")
            if answer != b"S 0\n":
                assert answer == b"S 1\n"
                return self._from.readline()
            time.sleep(0.05)
        raise AssertionError("no result")

    def starts_guest(self) -> bytes:
        """Ask what a starter asks. Returns the result of the start."""
        for line in (b"COMMANDS", b"SUPPORT_VMS", b"ASYNC_MODE_ON", b"CLASSAD"):
            assert self.asks(line).startswith(b"S")
        for attribute in (b'User = "alice"', b"ClusterId = 12", b"ProcId = 0"):
            self.says(attribute)
        assert self.asks(b"CLASSAD_END") == b"S\n"
        assert self.asks(b"CONDOR_VM_START 2 kvm") == b"S\n"
        return self.result()

    def knows_guest(self) -> None:
        """Do what a starter does 30 seconds after a start."""
        assert self.asks(b"CONDOR_VM_GETPID 3 1") == b"S\n"
        assert self.result() == b"3 0 0\n"

    def goes(self) -> None:
        """Close the pipes."""
        self._to.close()
        self._from.close()

    def hears_nothing_more(self) -> bool:
        return not self._from.read()

    def duties(self) -> list[str]:
        path = self.directory / "duties"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def vm_gahp_heard(self) -> list[str]:
        return (self.directory / "heard").read_text(encoding="utf-8").splitlines()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.05)
