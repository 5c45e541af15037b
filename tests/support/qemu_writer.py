"""Have an image open in QEMU, as a guest has its disk."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

_PROMPT = b"qemu-io> "


@contextlib.contextmanager
def qemu_io(*arguments: str | Path) -> Iterator[None]:
    """Have an image open in QEMU."""
    with subprocess.Popen(["qemu-io", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.read(len(_PROMPT)) == _PROMPT  # now it is open
        yield
        process.stdin.close()
    assert process.returncode == 0
