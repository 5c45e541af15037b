"""A share that can be broken: faultfs.py, mounted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.processes import wait_for


@dataclass
class Share:
    """The directory `source`, mounted on `mount`, which may hang: a test looks at `source`.

    Whoever waits for the share when its process dies gets an error.
    """

    source: Path
    mount: Path
    orders: Path
    process: subprocess.Popen[bytes]

    def order(self, kind: str, operation: str = "all", allowance: int = 0) -> None:
        """Let a fault happen from now on; faultfs.py says what the words mean."""
        write_order(self.orders, kind, operation, allowance)

    def die(self) -> None:
        self.process.kill()
        self.process.wait(60)


def write_order(path: Path, kind: str, operation: str, allowance: int) -> None:
    new = path.with_suffix(".new")
    new.write_text(f"{kind} {operation} {allowance}", encoding="ascii")
    new.rename(path)


@contextmanager
def mounted(directory: Path) -> Iterator[Share]:
    """Mount a share, whose files are in `directory`. Afterwards nothing is mounted, and nobody waits for it."""
    source, mount, orders = directory / "source", directory / "share", directory / "order"
    source.mkdir()
    source.chmod(0o777)
    mount.mkdir()
    write_order(orders, "ok", "all", 0)
    command = [sys.executable, str(Path(__file__).with_name("faultfs.py")), str(source), str(mount), str(orders)]
    # the library that tools/require-packages installs, where there are two
    environment = {**os.environ, "FUSE_LIBRARY_NAME": "fuse3"}
    process = subprocess.Popen(command, env=environment)
    share = Share(source, mount, orders, process)
    try:
        wait_for(lambda: mount.is_mount() or process.poll() is not None, "the share is mounted")
        assert process.poll() is None, "faultfs.py has ended; its stderr says why"
        yield share
    finally:
        share.die()
        unmount(mount)


def unmount(path: Path) -> None:
    # not if it was never mounted, and without a look at the file system, which may be dead
    if f" {path} " in Path("/proc/self/mountinfo").read_text(encoding="utf-8"):
        subprocess.run(["umount", "--lazy", "--no-canonicalize", path], check=True, timeout=30)
