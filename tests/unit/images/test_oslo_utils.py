"""OpenStack's inspector of image formats (oslo.utils) as an oracle: what it rejects, we reject."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from oslo_utils.imageutils import format_inspector

import hostile
from condor_kvm_stage.failures import StageError
from condor_kvm_stage.images import image
from condor_kvm_stage.policy.model import StagingPolicy
from hostile import CLUSTER, Case, qcow2

pytestmark = pytest.mark.needs_oslo_utils

# What it rejects and we need not: a backing file is inspected as the image itself is; extended L2 entries, which are
# younger than its list of features, have been QEMU's since 5.2
ALLOWED = {"backing_file"}
EXTENDED_L2 = 1 << 4


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "oslo_utils")


def rejected(path: Path) -> set[str]:
    """Return the names of oslo.utils' checks that an image fails, "format" for one in a format that is not ours."""
    try:
        inspector = format_inspector.detect_file_format(str(path))
    except format_inspector.ImageFormatError:
        return {"polyglot"}
    if inspector is None or str(inspector) in ("raw", "gpt", "iso"):
        return set()
    if str(inspector) != "qcow2":
        return {"format"}
    try:
        inspector.safety_check()
    except format_inspector.SafetyCheckFailed as error:
        return set(error.failures) - ALLOWED
    except format_inspector.ImageFormatError:
        return {"incomplete"}
    return set()


def we_reject(path: Path) -> bool:
    try:
        image.inspect(str(path), StagingPolicy(), lambda step: None)
    except StageError:
        return True
    return False


def test_what_it_rejects_of_the_hostile_images_we_reject(tmp_path: Path, site_policy: Callable[[str], None]) -> None:
    found = {}
    for number, case in enumerate(case for case in hostile.CASES if not case.sparse):
        path = made(case, tmp_path / str(number))
        if os.path.isfile(path) and rejected(path):
            found[case.name] = we_reject(path)
    assert len(found) > 20, "the oracle has an opinion on most of the cases that are about formats and features"
    assert [name for name, is_rejected in found.items() if not is_rejected] == []


def made(case: Case, directory: Path) -> Path:
    directory.mkdir()
    directory.chmod(0o755)
    return case.build(directory)


# Bits that both know, and any others
feature_bits = st.integers(0, 2**64 - 1) | st.integers(0, 63).map(lambda bit: 1 << bit) | st.just(0)
signatures = st.sampled_from([(0, content[:CLUSTER]) for content in hostile.FOREIGN.values()] + [(510, b"\x55\xaa")])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 5),
    feature_bits,
    st.lists(signatures, max_size=1),
    st.sampled_from([b"", b"/etc/passwd"]),
    st.integers(1, 4 * CLUSTER),
)
def test_what_it_rejects_of_any_header_we_reject(
    version: int, incompatible: int, patches: list[tuple[int, bytes]], backing: bytes, length: int
) -> None:
    content = qcow2(version, backing, b"raw", (), patches, length, incompatible_features=incompatible & ~EXTENDED_L2)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        path = hostile.put(Path(directory) / "images/image", content)
        checks = rejected(path)
        event(",".join(sorted(checks)) or "not rejected")
        if checks:
            assert we_reject(path)
