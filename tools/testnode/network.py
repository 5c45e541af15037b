"""A network of nodes, on this machine only: a bridge in a network namespace of its own."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

from .run import TestNodeError

BRIDGE = "nodes"
_HOLD = f"ip link add {BRIDGE} type bridge && ip link set {BRIDGE} up && echo up && exec sleep infinity"


@contextlib.contextmanager
def bridge() -> Iterator[int]:
    """Yield the id of a process whose network namespace has the bridge. It ends with the context, or with this process.

    The namespace is there as long as it, or a node on the bridge.
    """
    hold = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sh", "-c", _HOLD]
    with subprocess.Popen(
        hold, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            if said != "up\n":
                raise TestNodeError(f"no bridge could be made: {said.rstrip()}; the kernel needs veth and bridge")
            yield process.pid
        finally:
            process.kill()
