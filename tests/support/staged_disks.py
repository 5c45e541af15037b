"""What the tests of staged disks have in common."""

from __future__ import annotations

import os
from pathlib import Path

from condor_kvm_stage.plugin import url
from condor_kvm_stage.plugin.stage import stage
from condor_kvm_stage.policy.model import StagingPolicy


def put(request: str, scratch: Path, policy: StagingPolicy | None = None) -> int:
    """Stage a URL into a scratch directory."""
    return stage(url.parse_stage(request), str(scratch), policy or StagingPolicy(), lambda step: None)


def write_raw(path: Path, size: int = 1 << 20) -> Path:
    path.write_bytes(b"\xeb\xfe" + b"\0" * 510)
    os.truncate(path, size)
    return path


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())
