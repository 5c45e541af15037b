"""Let a node see another amount of memory than this machine's, in /proc/meminfo, like lxcfs for containers."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

_REAL = Path("/proc/meminfo")


def ram_kib() -> int:
    """Return this machine's MemTotal."""
    (line,) = [line for line in _REAL.read_text(encoding="ascii").splitlines() if line.startswith("MemTotal:")]
    return int(line.split()[1])


@contextlib.contextmanager
def showing(mib: int | None) -> Iterator[list[str]]:
    """Yield systemd-nspawn's options for a node with that much memory; None for that of this machine.

    A limit of the control group would be a container's, and would not change MemTotal, in which machines that boot one
    image differ.
    """
    if mib is None:
        yield []
        return
    kib = ram_kib()
    with tempfile.NamedTemporaryFile("w", encoding="ascii", dir="/run", prefix="meminfo-") as file:
        file.write(
            re.sub(
                r"^(Mem\w+: +)(\d+)",
                lambda found: f"{found[1]}{int(found[2]) * mib * 1024 // kib}",
                _REAL.read_text(encoding="ascii"),
                flags=re.MULTILINE,
            )
        )
        file.flush()
        Path(file.name).chmod(0o444)
        # Twice, because systemd-nspawn mounts what is below /proc late, when it sees no more than the node does
        yield [f"--bind={file.name}", f"--bind={file.name}:{_REAL}"]
