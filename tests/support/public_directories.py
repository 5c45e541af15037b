"""Temporary directories as a share's are: everybody may search them. pytest's own are not."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def public(parent: str = "/tmp") -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=parent, prefix="condor-kvm-stage-test-") as directory:
        path = Path(directory)
        path.chmod(0o755)
        yield path
