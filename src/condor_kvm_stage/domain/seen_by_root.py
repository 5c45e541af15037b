"""Check that libvirt, which runs as root, can look at the files of a job's disks: a share may give root no rights.

Before it starts QEMU, libvirt asks for the status of each file (qemuNamespaceMknodItemInit() in its
src/qemu/qemu_namespace.c). If it fails, the guest does not start, and HTCondor takes VM universe from the node. Root
must be able to search the directories, not to read the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from ..failures import AuthorizationError
from ..share.faults import on_share
from ..text import printable, quoted
from .disks import DiskFile


def check(files: Iterable[DiskFile]) -> None:
    """Raise StageError if root cannot look at a file. Called as root, after disks.inspect().

    No watchdog: the share has just answered, and libvirt asks it without one.
    """
    for file in files:
        for path in (file.path, *(path for path, _ in file.backing)):
            _look(path, file.disk.name)


def _look(path: str, disk: str) -> None:
    looked_at = ""
    try:
        for name in path.split("/")[1:]:
            looked_at += f"/{name}"
            os.lstat(looked_at)
    except OSError as error:
        directory = os.path.dirname(looked_at)
        forbidden = AuthorizationError(
            f"disk {printable(disk)}: the server gives root no right to search {printable(directory)}, and libvirt, "
            f"which runs as root, looks at each file of a disk; its owner must run: chmod o+x {quoted(directory)}; the "
            "files in it may stay private",
            check="searchable",
        )
        raise on_share(error, looked_at, f"look at {printable(path)}", forbidden) from error
