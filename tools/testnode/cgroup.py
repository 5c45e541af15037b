"""A separate control group for each node: nodes in one group would confuse each other's services."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from .run import TestNodeError

_PREFIX = "condor-kvm-stage-node-"


@contextlib.contextmanager
def own() -> Iterator[Path]:
    """Yield a new group of the unified hierarchy (cgroups(7), "cgroups version 2"), below this process's own."""
    parent = _mount_point() / _own_group()
    for other in parent.glob(f"{_PREFIX}*"):
        if not Path(f"/proc/{other.name.removeprefix(_PREFIX).partition('-')[0]}").exists():
            _remove(other)  # of a command that was killed
    path = parent / f"{_PREFIX}{os.getpid()}-{os.urandom(4).hex()}"
    path.mkdir()
    try:
        yield path
    finally:
        deadline = time.monotonic() + 5  # seconds; the node was killed, its processes end one by one
        while not _remove(path) and time.monotonic() < deadline:
            time.sleep(0.1)


def _mount_point() -> Path:
    for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, mount_point, file_system = line.split(" ", 3)[:3]
        if file_system == "cgroup2":
            return Path(mount_point)
    raise TestNodeError("systemd needs control groups, version 2: mount -t cgroup2 cgroup2 /sys/fs/cgroup")


def _own_group() -> str:
    (line,) = [
        line for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines() if line.startswith("0::")
    ]
    return line.removeprefix("0::").strip("/")


def _remove(group: Path) -> bool:
    """Remove a group and those below it. Returns whether it did: a group that has processes stays."""
    try:
        for directory, _, _ in os.walk(group, topdown=False):
            os.rmdir(directory)
    except OSError:
        return False
    return True
