"""What the tests of installation, upgrade and removal do with a worker."""

from __future__ import annotations

import re
from pathlib import Path

from testnode import builds, pool, stages
from testnode.stages import Bare

NAME = "condor-kvm-stage"
SNIPPET = "/etc/condor/config.d/50-condor-kvm-stage.conf"
POLICY = "/etc/condor-kvm-stage/config.toml"
OLDER = f"{NAME}-{builds.OLDER}"
# How dnf 4 says what it does:   Installing       : condor-kvm-stage-0.1.0-1.noarch                        1/1
_STEP = re.compile(r"  [A-Z][a-z]+( scriptlet)? *: .*\d+/\d+ *")


def said_by_scriptlets(output: str) -> list[str]:
    """Return the lines of a transaction's output that are not dnf's own."""
    lines = output.splitlines()
    begin = lines.index("Running transaction") + 1
    end = next(i for i, line in enumerate(lines) if i > begin and re.fullmatch("[A-Z][a-z]+ed:", line))
    return [line for line in lines[begin:end] if line and not _STEP.fullmatch(line)]


class Worker:
    """A node whose dnf knows the package."""

    def __init__(self, bare: Bare) -> None:
        self.bare, self.node = bare, bare.node

    def dnf(self, *words: str) -> list[str]:
        """Let dnf do something. Returns what the scriptlets said."""
        return said_by_scriptlets(self.node.run(["dnf", "--assumeyes", *words], timeout=150).stdout)

    def path(self, path: str) -> Path:
        """Return where a file of the node is on this machine."""
        return self.node.root / path.lstrip("/")

    def version(self) -> str:
        """Return the version of the package that is installed."""
        return self.node.run(["rpm", "--query", "--queryformat", "%{VERSION}", NAME]).stdout

    def verified(self) -> str:
        """Return what differs from what the package says."""
        return self.node.run(["rpm", "--verify", NAME], check=False).stdout

    def advertises(self, **wanted: object) -> None:
        """Wait until the node's slot advertises these."""

        def found() -> bool:
            slot = pool.slot_ad(self.node)
            return {name: slot.get(name) for name in wanted} == wanted

        self.node.wait_until(found, f"the slot advertises {wanted}", 90)

    def is_as_before(self) -> bool:
        """Return whether the slot advertises what it did before the package."""
        slot = pool.slot_ad(self.node)
        return pool.methods_in(slot) == self.bare.methods and not slot["HasVM"] and slot["Start"] is True

    def wait_until_as_before(self, timeout: float = 90) -> None:
        self.node.wait_until(self.is_as_before, "the slot advertises what it did before", timeout)

    def install(self, package: str = NAME) -> None:
        self.dnf("install", package)
        stages.wait_for_nfs(self.bare)

    def clean(self) -> None:
        """Remove the package and what an administrator has left of it."""
        if self.node.run(["rpm", "--query", NAME], check=False).returncode == 0:
            self.dnf("remove", NAME)
        self.node.run(["rm", "--recursive", "--force", "/etc/condor-kvm-stage"])
        self.wait_until_as_before()
