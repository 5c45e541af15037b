"""This machine itself as the node for the steps: for one with the target's system, to be thrown away afterwards."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from testnode.node import Node, as_user
from testnode.run import TestNodeError

from .targets import Target

_SYSTEM = Path("/etc/os-release")


class Here(Node):
    """This machine."""

    def __init__(self, name: str) -> None:
        """Take the name that HTCondor calls this machine."""
        super().__init__(1, name)

    @property
    def root(self) -> Path:
        """The file system."""
        return Path("/")

    def command(self, command: Sequence[str], user: str = "root") -> list[str]:
        """Return the command line that runs a command, as Node.command() does."""
        return as_user(command, user)


def expect_system(target: Target, release: Path = _SYSTEM) -> None:
    """Raise TestNodeError unless this machine has a target's system, by its file os-release(5)."""
    words = shlex.split(release.read_text(encoding="utf-8"), comments=True)
    found = dict(word.split("=", 1) for word in words if "=" in word)
    version = found.get("VERSION_ID", "").partition(".")[0]
    if found.get("ID") not in target.systems or target.version not in ("", version):
        said = f"{found.get('PRETTY_NAME', found.get('ID', 'an unknown system'))}"
        wanted = " or ".join(f"{name} {target.version}".strip() for name in target.systems)
        raise TestNodeError(f"this machine has {said}; for {target.name} it must have {wanted}")
