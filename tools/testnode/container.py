"""A throw-away tree of a release, and commands in it without a running system, as in an image build."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from . import root
from .recipe import HOSTNAME, Release
from .run import run

_PREFIX = "tree-"
# Nothing of this machine gets into the tree: no resolv.conf, no time zone, no journal, no machine id
_NSPAWN = [
    *["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--as-pid2", "--private-network", "--pipe"],
    *["--resolv-conf=off", "--timezone=off", "--link-journal=no", "--setenv=LC_ALL=C.UTF-8"],
    f"--hostname={HOSTNAME}",
]


@contextlib.contextmanager
def tree(release: Release) -> Iterator[Path]:
    """Yield a directory with a copy of a release's root, in memory, that may be changed: see changes()."""
    _remove_stale()
    with root.cached(release) as lower:
        place = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=root.CACHE))
        try:
            run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", place])
            for name in ("changes", "work", "root"):
                (place / name).mkdir()
            layers = f"lowerdir={lower},upperdir={place}/changes,workdir={place}/work"
            run(["mount", "-t", "overlay", "-o", layers, "overlay", place / "root"])
            yield place / "root"
        finally:
            _remove(place)


def changes(of: Path) -> Path:
    """Return the directory with what differs in a tree from its release's root: the upper layer of an overlay."""
    return of.parent / "changes"


def execute(
    tree: Path,
    command: Sequence[str],
    *,
    binds: Mapping[Path, str] | None = None,
    timeout: float = 120,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run a command as root in a tree: no systemd, no network. binds: directories of this machine, and their places.

    See run.run() for the rest.
    """
    mounts = [f"--bind={source}:{place}" for source, place in (binds or {}).items()]
    # two of one name would share, and remove, a directory in /run/systemd/nspawn
    name = f"--machine={_PREFIX}{os.urandom(4).hex()}"
    words = [*_NSPAWN, name, *mounts, f"--directory={tree}", "--", *command]
    return run(words, timeout=timeout, check=check, env={"UNIFIED_CGROUP_HIERARCHY": "1"})


def _remove(place: Path) -> None:
    """Unmount and remove a tree. Lazily, because a command may have left processes running."""
    for mount in (place / "root", place):
        run(["umount", "--lazy", mount], check=False)
    shutil.rmtree(place)


def _remove_stale() -> None:
    """Remove the trees of processes that were killed."""
    for place in root.CACHE.glob(f"{_PREFIX}*"):
        if not Path(f"/proc/{place.name.removeprefix(_PREFIX).partition('-')[0]}").exists():
            with contextlib.suppress(FileNotFoundError):  # another process may have removed it
                _remove(place)
