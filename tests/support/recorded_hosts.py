"""The recorded hosts of tests/data/hosts: each is a base, and what differs from it in files and programs' answers."""

from __future__ import annotations

import atexit
import errno
import functools
import os
import pwd
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from condor_kvm_stage import installed
from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig.snippet import render
from recorder import layers
from support.fake_host import FakeHost

HOSTS = Path(__file__).parents[1] / "data/hosts"
GOOD = HOSTS / "intel-el10-user"  # every check is ok there


class RecordedHost(FakeHost):
    """A host of tests/data/hosts. What its folder may hold is said in tests/data/hosts/README.md."""

    def __init__(self, folder: Path) -> None:
        record = layers.record(folder)
        self.about = str(record["about"])
        self.machine = str(record["machine"])
        self.answers: list[dict[str, Any]] = record["programs"]
        self.connections: dict[str, str] = record["sockets"]
        there = [answer["path"] for answer in self.answers] + record["installed"]
        super().__init__(
            _laid_out(folder),
            kvm=_error(record["kvm"]),
            programs=dict.fromkeys(there, self._answer),
            as_root=record["root"],
            modes={path: int(mode, 8) for path, mode in record["modes"].items()},
        )

    def job_user(self) -> str:
        return "condor" if self.as_root else ""

    def refusal(self, path: str) -> str:
        error = _error(self.connections.get(path, "ENOENT"))
        return os.strerror(getattr(errno, error)) if error else ""

    def _answer(self, command: tuple[str, ...]) -> Answer:
        path = self.program(command[0])
        for answer in self.answers:
            if answer["path"] == path and answer.get("when", command[0]) in command:
                said = (str(answer.get(key, "")) for key in ("output", "errors", "fault"))
                return Answer(int(answer.get("status", 0)), *said)
        raise AssertionError(f"host.toml does not say what this answers: {command}")


@functools.cache
def _laid_out(folder: Path) -> Path:
    """Return a directory with the files of a host and of its bases. It is there until the process ends."""
    root = Path(tempfile.mkdtemp(prefix=f"recorded-{folder.name}-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    layers.lay_out(folder, root)
    return root


def _error(word: str) -> str:
    return "" if word == "ok" else word


def golden_of(folder: Path, name: str) -> Path:
    """Return the golden file that holds for a host: its own, else that of the nearest base that has one."""
    found = [layer / name for layer in reversed(layers.chain(folder)) if (layer / name).exists()]
    return found[0] if found else folder / name


def update_golden(folder: Path, name: str, text: str) -> None:
    """Write a host's golden file, only if it differs from its base's."""
    *bases, _ = layers.chain(folder)
    (folder / name).unlink(missing_ok=True)
    if not bases or golden_of(bases[-1], name).read_text(encoding="utf-8") != text:
        (folder / name).write_text(text, encoding="utf-8")


def fix_what_does_not_go_through_host(patch: pytest.MonkeyPatch) -> None:
    """Let the policy's path, the version and users be those of every recorded host."""
    patch.setattr(installed, "POLICY", "/etc/condor-kvm-stage/config.toml")
    # A fixed version, so that the golden files do not change with every release
    patch.setattr(render, "__version__", "VERSION")
    patch.setattr(pwd, "getpwnam", lambda name: pwd.struct_passwd((name, "x", 64, 64, "", "/", "/sbin/nologin")))
    patch.setattr(os, "chown", lambda *_: None)
