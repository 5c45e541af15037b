"""A column of the matrix: a release's RPM, dnf and Python, in a tree without a running system."""

from __future__ import annotations

import re
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from testnode import container

NAME = "condor-kvm-stage"
POLICY = Path("etc/condor-kvm-stage/config.toml")
PRIVATE = Path("usr/share/condor-kvm-stage/python")
TOPDIR = Path("srv/build")
# What changes with each transaction, whatever the package: RPM's database, dnf's state, logs
_KEPT_BY_RPM = {"var/cache", "var/lib/dnf", "var/lib/rpm", "usr/lib/sysimage", "var/log"}
# What dnf 4 and dnf5 say of a transaction's steps, of their end, and of a new key
_OWN = re.compile(
    r"  [A-Z][a-z]+( scriptlet)? *: .*\d+/\d+ *"  # "  Installing       : condor-kvm-stage-0.1.0-1.noarch   1/1 "
    r"|\[\d+/\d+\] .*"  # "[3/3] Installing condor-kvm-stage-0:0.1 100% |   2.5 MiB/s | 289.1 KiB |  00m00s"
    r"|[A-Z][a-z]+:|  condor-kvm-stage-\S+ *|Complete!|"
    r"|Importing OpenPGP key .*| (UserID|Fingerprint|From) *: .*|The key was successfully imported\."
)


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
        merged = ["sh", "-c", 'exec "$@" 2>&1', "sh", *command]
        return container.execute(self.tree, merged, timeout=timeout).stdout

    def dnf(self, *words: str) -> str:
        """Let the column's dnf do something. Returns what it wrote."""
        return self.run([self._dnf, "--assumeyes", *words])

    def rpmbuild(self, *words: str, timeout: float = 120) -> str:
        """Build below TOPDIR. Returns the log. --nodeps: what dpkg has installed RPM does not know."""
        return self.run(["rpmbuild", "--nodeps", "--define", f"_topdir /{TOPDIR}", *words], timeout=timeout)

    def version(self) -> str:
        """Return the version that RPM says is installed."""
        return self.run(["rpm", "--query", "--queryformat", "%{VERSION}", NAME])

    def verify(self) -> str:
        """Return what differs from what the package says."""
        return container.execute(self.tree, ["rpm", "--verify", NAME], check=False).stdout

    def enabled(self) -> bool:
        """Return whether the boot unit will run at each boot."""
        state = container.execute(self.tree, ["systemctl", "is-enabled", f"{NAME}.service"], check=False)
        return state.stdout == "enabled\n"

    def files(self) -> dict[str, tuple[object, ...]]:
        """Return every file of the tree, with all that a transaction may have changed of it."""
        return dict(self._describe(self.tree))

    def _describe(self, directory: Path) -> Iterator[tuple[str, tuple[object, ...]]]:
        for path in directory.iterdir():
            name = str(path.relative_to(self.tree))
            if name in _KEPT_BY_RPM:
                continue
            status = path.lstat()
            owner = (status.st_mode, status.st_uid, status.st_gid)
            if stat.S_ISDIR(status.st_mode):
                yield name, owner
                yield from self._describe(path)
            else:
                target = path.readlink() if path.is_symlink() else None
                yield name, (*owner, status.st_size, status.st_mtime_ns, target)


def foreign_lines(output: str) -> list[str]:
    """Return what is not dnf's own of what it writes from a transaction's begin on: scriptlets' words, complaints."""
    lines = output.splitlines()
    return [line for line in lines[lines.index("Running transaction") + 1 :] if not _OWN.fullmatch(line)]
