"""A column of the matrix: a release's RPM, dnf and Python, in a tree without a running system."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from testnode import container, dnf
from testnode.recipe import PACKAGE

POLICY = Path("etc/condor-kvm-stage/config.toml")
PRIVATE = Path("usr/share/condor-kvm-stage/python")
TOPDIR = Path("srv/build")


class Column:
    """A tree with a repository; what its dnf and rpm do there."""

    def __init__(self, tree: Path, dnf: str, repository: Path) -> None:
        """Put a repository into a tree: the directories that repository.put_in() made."""
        self.tree = tree
        self._dnf = dnf
        for directory in repository.iterdir():
            shutil.copytree(directory, tree / directory.name, dirs_exist_ok=True)

    def run(self, command: Sequence[str], *, timeout: float = 120) -> str:
        """Run a command in the tree. Returns what it wrote to stdout and stderr, in its order."""
        return container.execute(self.tree, [*dnf.MERGED, *command], timeout=timeout).stdout

    def dnf(self, *words: str) -> str:
        """Let the column's dnf do something. Returns what it wrote."""
        return self.run([self._dnf, "--assumeyes", *words])

    def rpmbuild(self, *words: str, timeout: float = 120) -> str:
        """Build below TOPDIR. Returns the log. --nodeps: what dpkg has installed RPM does not know."""
        return self.run(["rpmbuild", "--nodeps", "--define", f"_topdir /{TOPDIR}", *words], timeout=timeout)

    def version(self) -> str:
        """Return the version that RPM says is installed."""
        return self.run(["rpm", "--query", "--queryformat", "%{VERSION}", PACKAGE])

    def verify(self) -> str:
        """Return what differs from what the package says."""
        return container.execute(self.tree, ["rpm", "--verify", PACKAGE], check=False).stdout

    def enabled(self) -> bool:
        """Return whether the boot unit will run at each boot."""
        state = container.execute(self.tree, ["systemctl", "is-enabled", f"{PACKAGE}.service"], check=False)
        return state.stdout == "enabled\n"

    def files(self) -> dict[str, tuple[object, ...]]:
        """Return every file of the tree, with all that a transaction may have changed of it."""
        return dict(self._describe(self.tree))

    def _describe(self, directory: Path) -> Iterator[tuple[str, tuple[object, ...]]]:
        for path in directory.iterdir():
            name = str(path.relative_to(self.tree))
            if name in dnf.KEPT:
                continue
            status = path.lstat()
            owner = (status.st_mode, status.st_uid, status.st_gid)
            if stat.S_ISDIR(status.st_mode):
                yield name, owner
                yield from self._describe(path)
            else:
                target = path.readlink() if path.is_symlink() else None
                yield name, (*owner, status.st_size, status.st_mtime_ns, target)


@dataclass(frozen=True)
class Installed:
    """A column with the package, and what dnf wrote."""

    column: Column
    output: str


@dataclass(frozen=True)
class Built:
    """What `rpmbuild -ba` made of the spec and the archive in dist/'s source package."""

    package: Path
    source_package: Path
