"""What the tests of installation, upgrade and removal do with a worker."""

from __future__ import annotations

from pathlib import Path

from testnode import builds, dnf, pool, stages
from testnode.recipe import PACKAGE
from testnode.stages import Bare

OLDER = f"{PACKAGE}-{builds.OLDER}"


class Worker:
    """A node whose dnf knows the package."""

    def __init__(self, bare: Bare) -> None:
        self.bare, self.node = bare, bare.node

    def dnf(self, *words: str) -> list[str]:
        """Let dnf do something. Returns what the scriptlets said."""
        return dnf.foreign_lines(self.node.run(["dnf", "--assumeyes", *words], timeout=150).stdout)

    def path(self, path: str) -> Path:
        """Return where a file of the node is on this machine."""
        return self.node.root / path.lstrip("/")

    def version(self) -> str:
        """Return the version of the package that is installed."""
        return self.node.run(["rpm", "--query", "--queryformat", "%{VERSION}", PACKAGE]).stdout

    def verified(self) -> str:
        """Return what differs from what the package says."""
        return self.node.run(["rpm", "--verify", PACKAGE], check=False).stdout

    def wait_until_advertises(self, **wanted: object) -> None:
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

    def install(self, package: str = PACKAGE) -> None:
        self.dnf("install", package)
        stages.wait_for_nfs(self.bare)

    def clean(self) -> None:
        """Remove the package and what an administrator has left of it."""
        if self.node.run(["rpm", "--query", PACKAGE], check=False).returncode == 0:
            self.dnf("remove", PACKAGE)
        self.node.run(["rm", "--recursive", "--force", "/etc/condor-kvm-stage"])
        self.wait_until_as_before()
