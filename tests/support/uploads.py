"""What the tests of uploads have in common."""

from __future__ import annotations

from pathlib import Path

from condor_kvm_stage.plugin import url
from condor_kvm_stage.plugin.upload import upload
from condor_kvm_stage.policy.model import StagingPolicy


def put(source: Path, target: str, policy: StagingPolicy) -> int:
    return upload(str(source), url.parse_upload(target, source.name), policy, lambda step: None)
