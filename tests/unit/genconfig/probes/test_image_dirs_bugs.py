"""A bug of the generator's is not a failed directory: it is loud, and names the generator."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage.failures import BugError
from condor_kvm_stage.genconfig.probes import image_dirs
from condor_kvm_stage.policy.model import StagingPolicy
from condor_kvm_stage.share import paths


def test_bug_is_no_failed_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = StagingPolicy()
    policy.image_dirs = [str(tmp_path)]
    monkeypatch.setattr(paths, "resolve", lambda *_: 1 / 0)
    with pytest.raises(BugError, match="bug in condor-kvm-stage-genconfig, please report it: ZeroDivisionError"):
        image_dirs.attributes(policy)
